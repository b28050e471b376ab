import {
  type AgentId,
  type Finding,
  type Instance,
  type Provisioner,
  ProvisionerError,
} from '../../src/provisioner/index.ts';
import type { SandboxClient } from './client.ts';
import type { SandboxSettings } from './schema.ts';
import { AGENT_LABEL, readStamp, toInstance } from './stamp.ts';

type Facts = Required<Pick<Provisioner, 'list' | 'inventory' | 'traffic' | 'check'>>;

/** What can be asked of the whole target, and changes nothing. */
export function createFacts(client: SandboxClient, agent: AgentId, settings: SandboxSettings): Facts {
  return {
    async list(ctx) {
      const { complete, machines } = await client.list([AGENT_LABEL, agent], ctx.signal);
      const instances: Instance[] = [];
      let damaged = 0;
      for (const machine of machines) {
        const stamp = readStamp(machine.labels, agent);
        if (stamp) instances.push(toInstance(machine, stamp));
        else damaged++;
      }
      if (damaged > 0) ctx.log.warn({ machines: damaged }, 'machines with a damaged stamp are left alone');
      return { complete: complete && damaged === 0, instances };
    },
    async inventory(ctx) {
      const host = await client.inventory(ctx.signal);
      return {
        ...(host.cpu_model === undefined ? {} : { cpuModel: host.cpu_model }),
        cpuCores: host.cpu_cores,
        cpuThreads: host.cpu_threads,
        memoryTotalMb: host.memory_total_mb,
        memoryFreeMb: host.memory_free_mb,
        storages: [{ name: 'sandbox', kind: 'simulated', totalGb: host.disk_total_gb, freeGb: host.disk_free_gb }],
        templates: [],
        gpus: [],
        machinesFree: host.machines_free,
      };
    },
    async traffic(ctx) {
      const { machines } = await client.traffic(ctx.signal);
      return machines.flatMap(({ labels, bytes_in, bytes_out }) => {
        const stamp = readStamp(labels, agent);
        return stamp ? [{ contract: stamp.contract, bytesIn: bytes_in, bytesOut: bytes_out }] : [];
      });
    },
    async check(ctx) {
      try {
        await client.about(ctx.signal);
      } catch (error) {
        if (!(error instanceof ProvisionerError)) throw error;
        return [unreachable(error, settings)];
      }
      return [REACHABLE, SIMULATED];
    },
  };
}

const REACHABLE: Finding = { level: 'pass', code: 'sandbox.reachable', title: 'The sandbox answers.' };

const SIMULATED: Finding = {
  level: 'warn',
  code: 'sandbox.simulated',
  title: 'Machines of this target are simulated.',
  remedy: 'Use it for demonstrations and tests only; do not sell from it.',
};

function unreachable(error: ProvisionerError, settings: SandboxSettings): Finding {
  return {
    level: 'fail',
    code: 'sandbox.unreachable',
    title: `The sandbox does not answer: ${error.message}`,
    remedy: `Start one with \`dc-agent dev sandbox --socket ${settings.socket_path}\`, or correct socket_path.`,
  };
}
