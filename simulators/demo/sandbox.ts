import { join } from 'node:path';
import { AGENT_LABEL, CONTRACT_LABEL } from '../../provisioners/sandbox/stamp.ts';
import { startDevSandbox } from '../sandbox/dev.ts';
import { type DemoBackend, FEWEST_LANES, type Surroundings } from './backend.ts';

/** Simulated machines behind real SSH servers, in this very process. */
export async function openSandbox({ home, contracts, undo, say }: Surroundings): Promise<DemoBackend> {
  const { core, socketPath, close } = await startDevSandbox({
    socketPath: join(home, 'sandbox.sock'),
    options: { cpuCores: 1024, memoryMb: 1_048_576, diskGb: 100_000 },
    onProblem: (problem) => say('warn', `sandbox: ${problem}`),
  });
  undo.add('close the sandbox', close);
  return {
    type: 'sandbox',
    title: 'the built-in sandbox: simulated machines behind real SSH servers',
    simulated: true,
    lanes: Math.max(FEWEST_LANES, contracts),
    settings: [`socket_path=${JSON.stringify(socketPath)}`],
    sells: { memory_amount: '512 MB', total_ssd_capacity: '5 GB' },
    async contractsWithMachines(agent) {
      const own = [...core.machines.values()].filter(({ labels }) => labels[AGENT_LABEL] === agent);
      return own.flatMap(({ labels }) => labels[CONTRACT_LABEL] ?? []);
    },
    // They live in this process's memory and end with it.
    removeAll: async () => {},
  };
}
