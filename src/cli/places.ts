import { join } from 'node:path';

/** The files of one agent, below its state_dir. */
export function ledgerDirectory(stateDir: string): string {
  return join(stateDir, 'ledger');
}

/** The running agent's local door; see docs/cli.md. */
export function socketPath(stateDir: string): string {
  return join(stateDir, 'agent.sock');
}

/** Notes of `test-provision` runs whose machine may still exist. */
export function trialDirectory(stateDir: string): string {
  return join(stateDir, 'test-provision');
}
