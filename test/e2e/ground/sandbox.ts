import { join } from 'node:path';
import type { SandboxCore } from '../../../simulators/sandbox/core.ts';
import { startDevSandbox } from '../../../simulators/sandbox/dev.ts';
import type { SandboxMachine } from '../../../simulators/sandbox/machine.ts';
import type { HypervisorOptions } from '../../../simulators/sandbox/options.ts';
import type { Backend } from './backend.ts';
import type { Pulse } from './pulse.ts';

/** Quick, because how long a hypervisor takes is not what is tried here. */
const QUICK: Partial<HypervisorOptions> = {
  createMs: 20,
  startMs: 10,
  bootMs: 20,
  stopMs: 10,
  deleteMs: 20,
  memoryMb: 1_048_576,
};

export interface SandboxBackend extends Backend {
  readonly core: SandboxCore;
  /** Every machine that ever was, by contract. */
  readonly made: ReadonlyMap<string, ReadonlySet<string>>;
  /** The most machines that were on their way to their first run at the same time. */
  readonly mostInTheMaking: () => number;
  /** Called when a machine is about to be stopped or removed. */
  onEnd(listener: (machine: Readonly<SandboxMachine>) => void): void;
}

/** Simulated machines behind a real socket and real SSH servers. */
export async function sandboxBackend(
  home: string,
  pulse: Pulse,
  options: Partial<HypervisorOptions> = {},
): Promise<SandboxBackend> {
  const socketPath = join(home, 'sandbox.sock');
  const { core, close } = await startDevSandbox({ socketPath, options: { ...QUICK, ...options } });
  const made = new Map<string, Set<string>>();
  const unborn = new Set<string>();
  const listeners: ((machine: Readonly<SandboxMachine>) => void)[] = [];
  let most = 0;
  core.onChange((machine) => {
    const contract = contractOf(machine);
    if (contract !== undefined && !made.get(contract)?.has(machine.uid)) {
      made.set(contract, (made.get(contract) ?? new Set()).add(machine.uid));
      unborn.add(machine.uid);
      most = Math.max(most, unborn.size);
    }
    if (machine.state === 'running' || machine.state === 'deleting') unborn.delete(machine.uid);
    if (machine.state === 'stopping' || machine.state === 'deleting') for (const tell of listeners) tell(machine);
    pulse.beat();
  });
  return {
    type: 'sandbox',
    settings: `socket_path = ${JSON.stringify(socketPath)}`,
    core,
    made,
    mostInTheMaking: () => most,
    onEnd: (listener) => void listeners.push(listener),
    machines: () =>
      [...core.machines.values()].map((machine) => ({
        id: machine.id,
        uid: machine.uid,
        contract: contractOf(machine),
        agent: machine.labels['dc-agent-id'],
        running: machine.state === 'running',
      })),
    close,
  };
}

function contractOf(machine: Readonly<SandboxMachine>): string | undefined {
  return machine.labels['dc-contract-id'];
}
