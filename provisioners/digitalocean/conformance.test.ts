import { describe, test } from 'vitest';
import { createDoCore } from '../../simulators/digitalocean/core.ts';
import { type DoServer, startDo } from '../../simulators/digitalocean/server.ts';
import { httpsTransport } from '../../src/provisioner/cloud/transport.ts';
import { type Bench, provisionerConformance } from '../../src/provisioner/conformance.ts';
import { systemRandom } from '../../src/provisioner/index.ts';
import { createAccess } from './access.ts';
import { benchOf, depsOf, fastClock, openTarget, settingsOf, type Tamper, tampered } from './fixtures.ts';
import { openDigitalOcean } from './provisioner.ts';

const QUICK = { createMs: 1_500, tagMs: 50, networkMs: 50, powerMs: 200, guestShutdownMs: 200, deleteMs: 200 };

provisionerConformance({ name: 'digitalocean in one process', open: inOneProcess, describe, test });
provisionerConformance({ name: 'digitalocean over real HTTP', open: overHttp, describe, test });

async function inOneProcess(): Promise<Bench> {
  const opened = openTarget();
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
  // What the provider takes is short here, and not the clock much faster: a pause of a busy machine must not look like a minute.
  const clock = fastClock(100);
  const core = createDoCore({ clock, random: systemRandom, options: { timings: QUICK } });
  let server: DoServer = await startDo({ core });
  const port = Number(new URL(server.endpoint).port);
  const settings = settingsOf({ endpoint: server.endpoint, request_timeout_seconds: 600 });
  const deps = depsOf(clock);
  const tampers: Tamper[] = [];
  const { transport, close } = await httpsTransport(settings.endpoint);
  const access = createAccess(tampered(transport, tampers), settings, deps);
  const provisioner = openDigitalOcean({ access, deps, settings });
  const bench = benchOf(
    { core, provisioner, tampers },
    {
      async unreachable() {
        await server.close();
        return async () => {
          server = await startDo({ core, port });
        };
      },
      async cleanup() {
        await provisioner.close();
        access.close();
        await close();
        await server.close();
        core.close();
      },
    },
  ); // Whatever is interrupted at each of its calls, over and over, is in one process.
  const { loseAnswer: _lose, cutAfter: _cut, throttleAfter: _throttle, ...faults } = bench.faults ?? {};
  return { ...bench, faults };
}
