import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { startPlatformServer } from '../../simulators/platform/http.ts';
import { startSandbox } from '../../simulators/sandbox/server.ts';
import { systemClock } from '../../src/ports/clock.ts';
import type { AgentId } from '../../src/ports/ids.ts';
import { systemRandom } from '../../src/ports/random.ts';
import { systemDisk } from '../../src/ports/system-disk.ts';
import { type Bench, type Findings, median, quantile, type Scope } from './figure.ts';
import { type Market, openMarket } from './market.ts';
import { fillMarket, writeLedger } from './owned.ts';
import { inPlace } from './place.ts';
import { watch } from './watch.ts';

export const heartbeat: Bench = {
  name: 'heartbeat',
  about: 'How late heartbeats are while the agent makes machines without a pause and keeps a thousand.',
  run: (scope) => inPlace((directory, closing) => measure(scope, directory, closing)),
};

const OWNED = 1_000;
/** So many contracts are always waiting, which keeps every lane busy. */
const BACKLOG = 20;

/** What the loaded thread is told. */
export interface LoadOrder {
  readonly endpoint: string;
  readonly provider: string;
  readonly seed: string;
  readonly socketPath: string;
  readonly ledger: string;
}

async function measure(scope: Scope, directory: string, closing: (() => Promise<unknown>)[]): Promise<Findings> {
  const market = openMarket(systemClock, systemRandom, { createMs: 50 });
  const server = await startPlatformServer({ core: market.platform });
  closing.push(() => server.close());
  const socketPath = join(directory, 'sandbox.sock');
  const sandbox = await startSandbox({ core: market.backend, listen: { socketPath }, ssh: 'none' });
  closing.push(() => sandbox.close());
  const { seed, key } = market.agent();
  fillMarket(market, key as AgentId, systemClock, OWNED);
  const ledger = join(directory, 'ledger');
  await (await writeLedger(systemDisk, ledger, systemClock, OWNED)).close();
  const order: LoadOrder = { endpoint: server.url, provider: market.provider, seed, socketPath, ledger };
  const thread = new Worker(new URL('./loaded.mjs', import.meta.url), { workerData: order });
  closing.push(() => thread.terminate());

  const quiet = await beats(thread, scope.quick ? 100 : 500);
  scope.progress('beats without load are measured');
  const watching = watch(market.platform);
  const load = keepBusy(market, watching.provisioned);
  thread.postMessage('work');
  await watching.reached(BACKLOG);
  await beats(thread, 1);
  const made = watching.provisioned.size;
  const begun = performance.now();
  const late = await beats(thread, scope.quick ? 300 : 2_000);
  const seconds = (performance.now() - begun) / 1_000;
  load.stop();
  return report(quiet, late, (watching.provisioned.size - made) / seconds);
}

function report(quiet: readonly number[], late: readonly number[], rate: number): Findings {
  const pair = (what: string, share: number) => ({
    what,
    value: quantile(late, share),
    unit: 'ms' as const,
    against: { what: 'without load', value: quantile(quiet, share) },
  });
  return {
    figures: [
      { ...pair('late under full load, p99.9', 0.999), promise: { of: 'value', atMost: 1_000 } },
      pair('late under full load, p99', 0.99),
      {
        what: 'late under full load, median',
        value: median(late),
        unit: 'ms',
        against: { what: 'without load', value: median(quiet) },
      },
      { what: 'machines made meanwhile', value: rate, unit: '/s' },
    ],
    notes: [
      `heartbeat: ${late.length} beats of the agent's own loop, made to beat every 50 ms in place of every minute; late is from due to answered.`,
      'heartbeat: the load has no rate limit, so it keeps the processor busy, which a platform that takes 60 writes a minute never would.',
    ],
  };
}

/** Lets go what was beaten before, and collects the next beats. */
async function beats(thread: Worker, count: number): Promise<number[]> {
  const collected: number[] = [];
  const collect = (lateMs: number): void => void collected.push(lateMs);
  thread.on('message', collect);
  while (collected.length < count) await once(thread, 'message');
  thread.off('message', collect);
  return collected;
}

/** Rents as fast as the agent delivers; what was delivered and told is ended, so that the numbers stay as they are. */
function keepBusy(market: Market, delivered: ReadonlyMap<string, number>): { stop(): void } {
  let rented = 0;
  let stopped = false;
  const run = async (): Promise<void> => {
    while (!stopped) {
      for (; rented < delivered.size + BACKLOG; rented++) market.rent();
      await pause(20);
    }
  };
  void run();
  return {
    stop() {
      stopped = true;
    },
  };
}
