import { describe, test } from 'vitest';
import { createHetznerCore } from '../../simulators/hetzner/core.ts';
import { type HetznerServer, startHetzner } from '../../simulators/hetzner/server.ts';
import { type Tamper, tampered } from '../../src/provisioner/cloud/fixtures.ts';
import { type Bench, provisionerConformance } from '../../src/provisioner/conformance.ts';
import { systemRandom } from '../../src/provisioner/index.ts';
import { benchOf, depsOf, fastClock, openTarget, settingsOf } from './fixtures.ts';
import { createProject } from './project.ts';
import { openHetzner } from './provisioner.ts';
import { httpsTransport } from './transport.ts';

provisionerConformance({ name: 'hetzner in one process', open: inProcess, describe, test });
provisionerConformance({ name: 'hetzner over real HTTP', open: overHttp, describe, test });

async function inProcess(): Promise<Bench> {
  // Trouble that empties the project’s budget would otherwise be waited for, minute by minute.
  const opened = openTarget({ settings: { reserve_requests: 0, guest_agent: 'present' } });
  const { admin } = opened.core;
  return benchOf(opened, {
    async unreachable() {
      admin.setReachable(false);
      return async () => admin.setReachable(true);
    },
    cleanup: () => opened.close(),
  });
}

async function overHttp(): Promise<Bench> {
  const clock = fastClock(100);
  const core = createHetznerCore({ clock, random: systemRandom });
  let server: HetznerServer = await startHetzner({ core });
  const port = Number(new URL(server.endpoint).port);
  // A deadline that passes a hundred times as fast would cut healthy answers of a busy machine.
  const settings = settingsOf({ endpoint: server.endpoint, request_timeout_seconds: 600 });
  const deps = depsOf(clock);
  const tampers: Tamper[] = [];
  const { transport, close } = await httpsTransport(settings.endpoint);
  const project = createProject(tampered(transport, tampers), settings, deps);
  const provisioner = openHetzner({ project, deps, settings });
  return benchOf(
    { core, provisioner, tampers },
    {
      async unreachable() {
        await server.close();
        return async () => {
          server = await startHetzner({ core, port });
        };
      },
      async cleanup() {
        await provisioner.close();
        project.close();
        await close();
        await server.close();
        core.close();
      },
    },
  );
}
