import { parentPort, workerData } from 'node:worker_threads';
import { socketTransport } from '../../provisioners/sandbox/transport.ts';
import { ClockWatch } from '../../src/agent/clock-watch.ts';
import { heartbeatLoop } from '../../src/agent/heartbeat.ts';
import { createSigner } from '../../src/identity/sign.ts';
import { createUnlimitedBudget } from '../../src/platform/budget.ts';
import { createPlatformClient } from '../../src/platform/client.ts';
import { createHttpTransport } from '../../src/platform/http-transport.ts';
import { type Clock, systemClock } from '../../src/ports/clock.ts';
import { silentLog } from '../../src/ports/log.ts';
import { systemRandom } from '../../src/ports/random.ts';
import { Secret } from '../../src/ports/secret.ts';
import { systemDisk } from '../../src/ports/system-disk.ts';
import { startAgent } from './agent.ts';
import type { LoadOrder } from './heartbeat.ts';

/** A thread with an agent in it, and beside it, on the same event loop, heartbeats that come 1200 times as often as real ones. */
const order = workerData as LoadOrder;
const QUICKER = 1_200;
const budget = createUnlimitedBudget(systemClock);

const { transport: backend } = await socketTransport(order.socketPath);
const running = await startAgent({
  seed: order.seed,
  provider: order.provider,
  clock: systemClock,
  random: systemRandom,
  disk: systemDisk,
  directory: order.ledger,
  platform: createHttpTransport({ endpoint: order.endpoint, name: 'platform' }),
  backend: async (request) => {
    const { status, headers, body } = await backend(request);
    return { status, headers, body };
  },
  budget,
  settings: { workIntervalMs: 200, reconcileIntervalMs: 2_000, maxConcurrentProvisioning: 8 },
});
await running.agent.drain();
parentPort?.on('message', () => void running.agent.resume());

let due = performance.now();
/** Runs ahead, and remembers when what it was asked for should have happened. */
const quick: Clock = {
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic() * QUICKER,
  after(ms, fn) {
    due = performance.now() + ms / QUICKER;
    return systemClock.after(ms / QUICKER, fn);
  },
};
const signer = createSigner(new Secret(order.seed));
heartbeatLoop({
  deps: {
    ...running.agent.deps,
    clock: quick,
    platform: createPlatformClient({
      transport: createHttpTransport({ endpoint: order.endpoint, name: 'heartbeat', connections: 1 }),
      signer,
      providerPubkey: order.provider,
      clock: systemClock,
      random: systemRandom,
      budget,
      log: silentLog,
    }),
  },
  clockWatch: new ClockWatch(quick),
  targets: running.agent.targets,
  traffic: () => [],
  activeContracts: () => running.agent.workers.size,
  onOutcome(error) {
    if (error !== undefined) throw new Error('a beat failed', { cause: error });
    parentPort?.postMessage(performance.now() - due);
  },
}).start();
