import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { createSandboxCore } from '../../simulators/sandbox/core.ts';
import { startSandbox } from '../../simulators/sandbox/server.ts';
import { type Bench, provisionerConformance } from '../../src/provisioner/conformance.ts';
import { silentLog, systemClock, systemRandom } from '../../src/provisioner/index.ts';
import { AGENT, sandboxBench } from '../../test/plugin/sandbox-bench.ts';
import { sandboxPlugin, sandboxSettings } from './index.ts';

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
    agent: AGENT,
    target: 'sandbox',
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  });
  return sandboxBench(core, provisioner, {
    async unreachable() {
      await server.close();
      return async () => {
        server = await startSandbox({ core, listen, ssh: 'none' });
      };
    },
    async cleanup() {
      await provisioner.close?.();
      await server.close();
      core.close();
    },
  });
}
