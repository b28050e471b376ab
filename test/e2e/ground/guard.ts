import { machineName } from '../../../src/ports/ids.ts';
import type { SandboxBackend } from './sandbox.ts';
import type { World } from './world.ts';

/** What was done to machines that nobody may touch: foreign ones, and those that a tenant pays for. Grows as it happens. */
export function watchForHarm({ market, backend, hosts }: World<SandboxBackend>): readonly string[] {
  const harm: string[] = [];
  backend.onEnd(({ id, state, labels }) => {
    const contract = labels['dc-contract-id'] ?? '';
    if (!hosts.some(({ agent }) => agent === labels['dc-agent-id'])) harm.push(`machine ${id}, not ours, is ${state}`);
    else if (isInUse(contract, id)) harm.push(`machine ${id} of live contract ${contract} is ${state}`);
  });
  return harm;

  function isInUse(contract: string, id: string): boolean {
    return market.row(contract).status === 'active' && market.details(contract)?.externalId === id;
  }
}

/** A machine of somebody else, under a name that could be one of ours. */
export function addStranger({ backend }: World<SandboxBackend>): string {
  return backend.core.admin.addForeign({ name: machineName(STRANGER) });
}

const STRANGER = 'ab'.repeat(32) as Parameters<typeof machineName>[0];
