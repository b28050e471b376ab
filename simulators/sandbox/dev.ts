import { systemClock } from '../../src/ports/clock.ts';
import { systemRandom } from '../../src/ports/random.ts';
import { createSandboxCore, type SandboxCore } from './core.ts';
import type { HypervisorOptions } from './options.ts';
import { startSandbox } from './server.ts';
import { keepState } from './state-file.ts';

export interface DevSandboxOptions {
  readonly socketPath: string;
  /** Kept over restarts when given; otherwise machines end with the process. */
  readonly stateFile?: string;
  readonly options?: Partial<HypervisorOptions>;
  readonly onProblem?: (problem: string) => void;
}

export interface DevSandbox {
  readonly socketPath: string;
  readonly core: SandboxCore;
  /** The lines that make it a target of the agent. */
  readonly configuration: string;
  close(): Promise<void>;
}

/** Starts a sandbox by hand: real sockets, real SSH, simulated machines. */
export async function startDevSandbox(input: DevSandboxOptions): Promise<DevSandbox> {
  const core = createSandboxCore({
    clock: systemClock,
    random: systemRandom,
    options: { firstSshPort: 'server', ...input.options },
  });
  if (input.stateFile !== undefined) keepState(core, input.stateFile);
  const server = await startSandbox({
    core,
    listen: { socketPath: input.socketPath },
    ssh: 'real',
    ...(input.onProblem === undefined ? {} : { onProblem: input.onProblem }),
  });
  return {
    socketPath: input.socketPath,
    core,
    configuration: `[provisioner]\ntype = "sandbox"\n\n[provisioner.sandbox]\nsocket_path = ${JSON.stringify(input.socketPath)}\n`,
    async close() {
      await server.close();
      core.close();
    },
  };
}
