import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { createSandboxCore } from '../../simulators/sandbox/core.ts';
import { startSandbox } from '../../simulators/sandbox/server.ts';
import { type Bench, provisionerConformance, sampleOrder } from '../../src/provisioner/conformance.ts';
import { type AgentId, type ExternalId, silentLog, systemClock, systemRandom } from '../../src/provisioner/index.ts';
import { sandboxPlugin, sandboxSettings } from './index.ts';

const agent = 'a'.repeat(64) as AgentId;

provisionerConformance({ name: 'sandbox over a unix socket', open, describe, test });

async function open(): Promise<Bench> {
  const core = createSandboxCore({
    clock: systemClock,
    random: systemRandom,
    options: { createMs: 20, startMs: 10, bootMs: 20, stopMs: 10, deleteMs: 10 },
  });
  const socketPath = join(tmpdir(), `dc-sandbox-${randomUUID()}.sock`);
  const listen = { socketPath };
  let server = await startSandbox({ core, listen, ssh: 'none' });
  const provisioner = await sandboxPlugin.open(sandboxSettings.parse({ socket_path: socketPath }), {
    agent,
    target: 'sandbox',
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  });
  return {
    provisioner,
    order: (overrides) => sampleOrder(agent, overrides),
    count: async ({ contract }) =>
      [...core.machines.values()].filter(({ labels }) => labels['dc-contract-id'] === contract).length,
    foreign: {
      add: async (given) => core.admin.addForeign(given) as ExternalId,
      exists: async (id) => core.machines.has(id) && core.machines.get(id)?.labels['dc-agent-id'] === undefined,
    },
    faults: {
      loseCreateAnswer: async () => void core.faults.add({ call: 'create', fault: { kind: 'drop-after' } }),
      loseCreateRequest: async () => void core.faults.add({ call: 'create', fault: { kind: 'drop-before' } }),
      refuseCreate: async () => void core.faults.add({ call: 'create', fault: { kind: 'no-capacity' } }),
      partialList: async () => void core.faults.add({ call: 'list', fault: { kind: 'list-partial' } }),
      async unreachable() {
        await server.close();
        return async () => {
          server = await startSandbox({ core, listen, ssh: 'none' });
        };
      },
      loseMachine: async (id) => core.admin.lose(id),
      powerOff: async (id) => core.admin.powerOff(id),
      giveIdToStranger: async (id) => core.admin.giveIdToStranger(id),
    },
    async cleanup() {
      await provisioner.close?.();
      await server.close();
      core.close();
    },
  };
}
