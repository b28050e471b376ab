import { describe, test } from 'vitest';
import { createVultrCore } from '../../simulators/vultr/core.ts';
import { startVultr, type VultrServer } from '../../simulators/vultr/server.ts';
import { type Bench, provisionerConformance } from '../../src/provisioner/conformance.ts';
import { systemRandom } from '../../src/provisioner/index.ts';
import { benchOf, depsOf, fastClock, openOver, openTarget, settingsOf, type Tamper, tampered } from './fixtures.ts';
import { httpsTransport } from './transport.ts';

/** Instances come up in a few looks, so that a life with trouble at every call is a short one. */
const OPTIONS = { speed: 6 };

provisionerConformance({ name: 'vultr in one process', open: inProcess, describe, test });
provisionerConformance({ name: 'vultr over real HTTP', open: overHttp, describe, test });

async function inProcess(): Promise<Bench> {
  const opened = openTarget({ options: OPTIONS });
  const { admin } = opened.core;
  return benchOf(opened, {
    async unreachable() {
      admin.setReachable(false);
      return async () => admin.setReachable(true);
    },
    cleanup: () => opened.close(),
  });
}

/** What cuts a life at every call is left to the bench without sockets, which is quicker. */
async function overHttp(): Promise<Bench> {
  const clock = fastClock(200);
  const core = createVultrCore({ clock, random: systemRandom, options: OPTIONS });
  let server: VultrServer = await startVultr({ core });
  const port = Number(new URL(server.endpoint).port);
  // A deadline that passes so much faster would cut healthy answers of a busy machine.
  const settings = settingsOf({ endpoint: server.endpoint, request_timeout_seconds: 600 });
  const tampers: Tamper[] = [];
  const { transport, close } = await httpsTransport(settings.endpoint);
  const provisioner = openOver(tampered(transport, tampers), settings, depsOf(clock));
  const bench = benchOf(
    { core, provisioner, tampers },
    {
      async unreachable() {
        await server.close();
        return async () => {
          server = await startVultr({ core, port });
        };
      },
      async cleanup() {
        await provisioner.close();
        await close();
        await server.close();
        core.close();
      },
    },
  );
  const { loseAnswer: _one, cutAfter: _two, throttleAfter: _three, ...faults } = bench.faults ?? {};
  return { ...bench, faults };
}
