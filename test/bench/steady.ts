import { setTimeout as pause } from 'node:timers/promises';
import { inProcessTransport } from '../../simulators/platform/in-process.ts';
import { inProcessSandbox } from '../../simulators/sandbox/in-process.ts';
import { createBudget } from '../../src/platform/budget.ts';
import { systemClock } from '../../src/ports/clock.ts';
import type { AgentId } from '../../src/ports/ids.ts';
import { systemDisk } from '../../src/ports/system-disk.ts';
import type { Process } from '../cli/built.ts';
import { SeededRandom } from '../simulation/seeded-random.ts';
import { VirtualTime } from '../simulation/virtual-time.ts';
import { startAgent } from './agent.ts';
import type { Bench, Curve, Figure, Findings, Scope } from './figure.ts';
import { openMarket } from './market.ts';
import { memoryDisk } from './memory-disk.ts';
import { fillMarket, writeLedger } from './owned.ts';
import { inPlace } from './place.ts';
import { processorMs, residentMb } from './processor.ts';
import { openHost } from './program.ts';

export const steady: Bench = {
  name: 'steady',
  about: 'Machines that run and need nothing: what a cycle costs, by their number.',
  run: measure,
};

interface Steady {
  readonly machines: number;
  /** One cycle of the shipped program: list, inventory, reconcile. */
  readonly cycleMs: number;
  readonly residentMb: number;
  /** In one minute with the default intervals. */
  readonly calls: Calls;
}

interface Calls {
  readonly lists: number;
  readonly reconciles: number;
  readonly backend: number;
  readonly platform: number;
  readonly health: number;
}

async function measure(scope: Scope): Promise<Findings> {
  const found: Steady[] = [];
  for (const machines of scope.quick ? [10, 1_000] : [10, 100, 1_000, 10_000]) {
    scope.progress(`${machines} machines`);
    const own = await inPlace((directory, closing) => program(scope, machines, directory, closing));
    found.push({ machines, ...own, calls: await calls(machines) });
  }
  return {
    figures: [...found.flatMap(figures), ...growth(found)],
    curves: curves(found),
    notes: [
      'steady: processor time and memory are those of the shipped program, a process of its own with a real ledger, against HTTP simulators.',
      'steady: calls are counted over 20 virtual minutes with the default intervals.',
      'steady: the protocol takes health one contract at a time, so those reports grow with the machines, up to one every 2 s, which is half of what the rate limit allows; beyond 150 machines each comes later than after 5 minutes.',
    ],
  };
}

function figures({ machines, cycleMs, residentMb: resident }: Steady): Figure[] {
  return [
    {
      what: `${machines} machines: processor time of a cycle`,
      value: cycleMs,
      unit: 'ms',
      against: { what: 'the cycle of 30 s', value: 30_000 },
      ...(machines === 1_000 ? { promise: { of: 'value', atMost: 100 } as const } : {}),
    },
    { what: `${machines} machines: resident memory`, value: resident, unit: 'MB' },
  ];
}

/** What many machines make the agent ask, beside what few do. */
function callFigures(few: Steady, many: Steady): Figure[] {
  const beside = (what: string, value: (calls: Calls) => number): Figure => ({
    what: `${many.machines} machines: ${what}`,
    value: value(many.calls),
    unit: '/min',
    against: { what: `with ${few.machines}`, value: value(few.calls) },
  });
  const promise = { of: 'ratio', atMost: 1.05 } as const;
  const once = { what: 'one a cycle', value: 2 };
  return [
    { ...beside('list calls', ({ lists }) => lists), against: once, promise },
    { ...beside('reconcile calls', ({ reconciles }) => reconciles), against: once, promise },
    { ...beside('all calls to the backend', ({ backend }) => backend), promise },
    { ...beside('calls to the platform, without health', ({ platform, health }) => platform - health), promise },
    beside('health reports', ({ health }) => health),
  ];
}

function growth(found: readonly Steady[]): Figure[] {
  const [before, last] = found.slice(-2);
  if (before === undefined || last === undefined) return [];
  const [first] = found;
  return [
    ...(first === undefined ? [] : callFigures(first, last)),
    {
      what: `processor time for each of ${last.machines} machines`,
      value: (last.cycleMs / last.machines) * 1000,
      unit: 'us',
      against: { what: `of ${before.machines}`, value: (before.cycleMs / before.machines) * 1000 },
      promise: { of: 'ratio', atMost: 1.5 },
    },
  ];
}

function curves(found: readonly Steady[]): Curve[] {
  const line = (name: string, y: (one: Steady) => number) => ({
    name,
    points: found.map((one) => [one.machines, y(one)] as const),
  });
  const [first] = found;
  const last = found.at(-1);
  const linear = (machines: number): number => ((last?.cycleMs ?? 0) / (last?.machines ?? 1)) * machines;
  return [
    {
      name: 'cycle',
      title: 'Processor time of one cycle',
      x: 'machines',
      y: 'ms',
      scale: 'log',
      series: [
        line('dc-agent', (one) => one.cycleMs),
        line('linear, through the last point', (one) => linear(one.machines)),
        { name: 'promised for 1,000', points: [[1_000, 100]] },
      ],
    },
    {
      name: 'memory',
      title: 'Resident memory',
      x: 'machines',
      y: 'MB',
      scale: 'log',
      series: [line('dc-agent', (one) => one.residentMb), line('with ten machines', () => first?.residentMb ?? 0)],
    },
    {
      name: 'calls',
      title: 'Calls in a minute',
      x: 'machines',
      y: 'calls a minute',
      scale: 'log',
      series: [
        line('backend', (one) => one.calls.backend),
        line('platform, without health', (one) => one.calls.platform - one.calls.health),
        line('platform, health', (one) => one.calls.health),
      ],
    },
  ];
}

/** The real process. Cycles every second and hardly anything else, so that its processor time is that of cycles. */
async function program(scope: Scope, machines: number, directory: string, closing: (() => Promise<unknown>)[]) {
  const host = await openHost(await scope.program(), directory, closing, {
    reconcile: 1,
    work: 86_400,
    health: 604_800,
  });
  fillMarket(host.market, host.agentKey as AgentId, systemClock, machines);
  await (await writeLedger(systemDisk, host.ledger, systemClock, machines)).close();
  const child = host.run();
  const cycles = (count: number): Promise<void> => until(() => host.market.backend.calls.list >= count, child);
  await cycles(3);
  const before = await processorMs(child.pid);
  const measured = scope.quick ? 3 : 10;
  await cycles(3 + measured);
  const used = (await processorMs(child.pid)) - before;
  return { cycleMs: used / measured, residentMb: await residentMb(child.pid) };
}

async function until(condition: () => boolean, child: Process): Promise<void> {
  let gone = false;
  void child.ended.then(() => {
    gone = true;
  });
  while (!condition()) {
    if (gone) throw new Error(`the program has ended: ${child.out()}${child.err()}`);
    await pause(20);
  }
}

const MINUTES = 20;

async function calls(machines: number): Promise<Calls> {
  const time = new VirtualTime();
  const random = new SeededRandom(1);
  const market = openMarket(time, random);
  const { seed, key } = market.agent();
  const agent = key as AgentId;
  fillMarket(market, agent, time, machines);
  const disk = memoryDisk();
  await (await writeLedger(disk, '/bench', time, machines)).close();
  const running = await startAgent({
    seed,
    provider: market.provider,
    clock: time,
    random,
    disk,
    directory: '/bench',
    platform: inProcessTransport(market.platform, { clock: time }),
    backend: inProcessSandbox(market.backend, { clock: time }),
    budget: createBudget({ clock: time }),
    signer: { publicKey: agent, header: 'X-Agent-Pubkey', sign: () => '0'.repeat(128) },
  });
  await time.advance(60_000);
  const counts = { platform: 0, reconciles: 0, health: 0 };
  market.platform.onExchange(({ outcome }) => {
    counts.platform++;
    if (outcome.route === 'reconcile') counts.reconciles++;
    if (outcome.route === 'health') counts.health++;
  });
  const { ...before } = market.backend.calls;
  await time.advance(MINUTES * 60_000);
  const after = market.backend.calls;
  const sum = (one: Readonly<Record<string, number>>): number =>
    Object.values(one).reduce((total, count) => total + count, 0);
  const stopped = running.stop();
  await time.advance(60_000);
  await stopped;
  return {
    lists: (after.list - before.list) / MINUTES,
    backend: (sum(after) - sum(before)) / MINUTES,
    reconciles: counts.reconciles / MINUTES,
    platform: counts.platform / MINUTES,
    health: counts.health / MINUTES,
  };
}
