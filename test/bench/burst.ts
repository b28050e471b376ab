import { startPlatformServer } from '../../simulators/platform/http.ts';
import { inProcessTransport } from '../../simulators/platform/in-process.ts';
import { inProcessSandbox } from '../../simulators/sandbox/in-process.ts';
import { createBudget, createUnlimitedBudget, type RateBudget } from '../../src/platform/budget.ts';
import { createHttpTransport } from '../../src/platform/http-transport.ts';
import { systemClock } from '../../src/ports/clock.ts';
import type { AgentId } from '../../src/ports/ids.ts';
import { systemRandom } from '../../src/ports/random.ts';
import { systemDisk } from '../../src/ports/system-disk.ts';
import { SeededRandom } from '../simulation/seeded-random.ts';
import { VirtualTime } from '../simulation/virtual-time.ts';
import { startAgent } from './agent.ts';
import type { Bench, Curve, Figure, Findings, Scope } from './figure.ts';
import { openMarket } from './market.ts';
import { memoryDisk } from './memory-disk.ts';
import { inPlace } from './place.ts';
import { reference } from './reference.ts';
import { watch } from './watch.ts';

export const burst: Bench = {
  name: 'burst',
  about: 'Many contracts at once, 8 lanes, a backend that needs 1 s for each machine.',
  run: measure,
};

const LANES = 8;
const BACKEND_MS = 1_000;

interface Outcome {
  /** From the list that held them all to the report of the last, ms. */
  readonly ms: number;
  /** Processor time for each contract, ms: the simulators' part included. */
  readonly cpuMs: number;
}

async function measure(scope: Scope): Promise<Findings> {
  const real = new Map<number, Outcome>();
  for (const count of scope.quick ? [1, 10] : [1, 10, 100]) {
    scope.progress(`${count} contracts in real time`);
    real.set(count, await inRealTime(count));
  }
  const virtual = new Map<number, Outcome>();
  for (const count of scope.quick ? [1, 10, 100] : [1, 10, 100, 1000]) {
    scope.progress(`${count} contracts in virtual time`);
    virtual.set(count, await inVirtualTime(count));
  }
  scope.progress('100 contracts within the rate limit');
  const limited = await inVirtualTime(100, 'limited');
  return {
    figures: [
      ...figures(real, 'real time'),
      ...figures(virtual, 'virtual time'),
      ...growth(virtual),
      rateLimited(limited),
    ],
    curves: [curve(virtual)],
    notes: [
      'burst: the ideal is ceil(contracts / 8 lanes) x 1 s; counted from the list that showed the contracts. No rate limit, unless said.',
      'burst: the platform takes 60 writes a minute from one address, and a contract costs three before its report and one after it.',
    ],
  };
}

function ideal(contracts: number): number {
  return Math.ceil(contracts / LANES) * BACKEND_MS;
}

function figures(outcomes: ReadonlyMap<number, Outcome>, time: string): Figure[] {
  return [...outcomes].map(([count, { ms }]) => ({
    what: `${count} contracts, ${time}`,
    value: ms / 1000,
    unit: 's',
    against: { what: 'ideal', value: ideal(count) / 1000 },
    ...(count === 100 ? { promise: { of: 'ratio', atMost: 1.15 } as const } : {}),
  }));
}

function growth(outcomes: ReadonlyMap<number, Outcome>): Figure[] {
  const [[few, less] = [], [many, more] = []] = [...outcomes].slice(-2);
  if (less === undefined || more === undefined) return [];
  return [
    {
      what: `processor time for each of ${many} contracts`,
      value: more.cpuMs,
      unit: 'ms',
      against: { what: `of ${few}`, value: less.cpuMs },
      promise: { of: 'ratio', atMost: 2 },
    },
  ];
}

function rateLimited({ ms }: Outcome): Figure {
  return {
    what: '100 contracts inside the rate limit, virtual time',
    value: ms / 1000,
    unit: 's',
    // Three writes each before the last report; the first minute's 60 may go at once.
    against: { what: 'ideal at 60 writes a minute', value: 100 * 3 - 60 },
  };
}

function curve(outcomes: ReadonlyMap<number, Outcome>): Curve {
  const counts = [...outcomes.keys()];
  const line = (name: string, seconds: (count: number) => number) => ({
    name,
    points: counts.map((count) => [count, seconds(count)] as const),
  });
  return {
    name: 'burst',
    title: 'A burst of contracts, 1 s of backend work each',
    x: 'contracts at once',
    y: 'seconds to the last report',
    scale: 'log',
    series: [
      line('dc-agent, 8 lanes', (count) => (outcomes.get(count)?.ms ?? 0) / 1000),
      line('ideal, 8 lanes', (count) => ideal(count) / 1000),
      line(
        'reference loop, serial (model)',
        (count) => reference({ contracts: count, backendMs: BACKEND_MS }).lastMs / 1000,
      ),
      line(
        'reference loop with its sleeps (model)',
        (count) => reference({ contracts: count, backendMs: BACKEND_MS, sleeps: true }).lastMs / 1000,
      ),
    ],
  };
}

function inRealTime(count: number): Promise<Outcome> {
  return inPlace(async (directory, closing) => {
    const market = openMarket(systemClock, systemRandom, { createMs: BACKEND_MS });
    const server = await startPlatformServer({ core: market.platform });
    closing.push(() => server.close());
    const transport = createHttpTransport({ endpoint: server.url, name: 'bench' });
    closing.push(() => transport.close());
    const watching = watch(market.platform);
    const running = await startAgent({
      seed: market.agent().seed,
      provider: market.provider,
      clock: systemClock,
      random: systemRandom,
      disk: systemDisk,
      directory,
      platform: transport,
      backend: inProcessSandbox(market.backend, { clock: systemClock }),
      budget: createUnlimitedBudget(systemClock),
      settings: { maxConcurrentProvisioning: LANES, workIntervalMs: 1_000 },
    });
    closing.push(() => running.stop());
    // By now it has told the platform that it is there, and knows the backend's capacity.
    while (watching.polls.length < 2) await new Promise((resolve) => setTimeout(resolve, 50));
    for (let made = 0; made < count; made++) market.rent();
    const cpu = process.cpuUsage();
    await watching.reached(count);
    return outcome(watching, count, process.cpuUsage(cpu));
  });
}

async function inVirtualTime(count: number, rate: 'unlimited' | 'limited' = 'unlimited'): Promise<Outcome> {
  const time = new VirtualTime();
  const random = new SeededRandom(1);
  const market = openMarket(time, random, { createMs: BACKEND_MS });
  const watching = watch(market.platform, () => time.monotonic());
  const budget: RateBudget = rate === 'limited' ? createBudget({ clock: time }) : createUnlimitedBudget(time);
  const { seed, key } = market.agent();
  const running = await startAgent({
    seed,
    provider: market.provider,
    clock: time,
    random,
    disk: memoryDisk(),
    directory: '/bench',
    platform: inProcessTransport(market.platform, { clock: time }),
    backend: inProcessSandbox(market.backend, { clock: time }),
    budget,
    settings: { maxConcurrentProvisioning: LANES },
    signer: { publicKey: key as AgentId, header: 'X-Agent-Pubkey', sign: () => '0'.repeat(128) },
  });
  await time.advance(60_000);
  for (let made = 0; made < count; made++) market.rent();
  const cpu = process.cpuUsage();
  await time.advance(24 * 3_600_000, () => watching.provisioned.size >= count);
  const used = process.cpuUsage(cpu);
  const stopped = running.stop();
  await time.advance(60_000);
  await stopped;
  return outcome(watching, count, used);
}

function outcome(
  {
    seen,
    provisioned,
  }: { readonly seen: ReadonlyMap<string, number>; readonly provisioned: ReadonlyMap<string, number> },
  count: number,
  cpu: NodeJS.CpuUsage,
): Outcome {
  if (provisioned.size < count) throw new Error(`only ${provisioned.size} of ${count} contracts were delivered`);
  return {
    ms: Math.max(...provisioned.values()) - Math.min(...seen.values()),
    cpuMs: (cpu.user + cpu.system) / 1000 / count,
  };
}
