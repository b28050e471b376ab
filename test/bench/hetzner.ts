import { VirtualTime } from '../simulation/virtual-time.ts';
import { type Bench, type Figure, type Findings, quantile, type Scope } from './figure.ts';
import { type HetznerWorld, openHetznerWorld } from './hetzner-agent.ts';

export const hetzner: Bench = {
  name: 'hetzner',
  about:
    'What the agent and its plugin add to Hetzner’s own time, and how they keep to its request budget: virtual time.',
  run: measure,
};

const MINUTE = 60_000;
const IDLE_MINUTES = 60;
/** The API's bucket: so many requests, refilled one each second. */
const LIMIT = 3_600;
const RESERVE = 300;
const BURST = 50;

async function measure(scope: Scope): Promise<Findings> {
  const figures: Figure[] = [];
  for (const count of [1, 20]) {
    scope.progress(`${count} contracts`);
    figures.push(...(await delivered(count)));
  }
  for (const spare of [undefined, 20, 0]) {
    scope.progress(`${BURST} at once, ${spare ?? 'all'} requests beyond the reserve`);
    figures.push(...(await burst(spare)));
  }
  for (const machines of scope.quick ? [10] : [10, 200]) {
    scope.progress(`${machines} machines that need nothing`);
    figures.push(...(await idle(machines)));
  }
  return {
    figures,
    notes: [
      'hetzner: a server takes 8 s to be made, 3 s to start and 12 s to boot, as was told of real ones; a call takes 40 ms. Lists of 50.',
      'hetzner: "added" is from the lock to the report, less those 23 s. Of a burst the ideal is what the requests that are left allow: one for each machine, then one a second, then the 23 s.',
    ],
  };
}

async function delivered(count: number): Promise<Figure[]> {
  const time = new VirtualTime();
  const world = await openHetznerWorld({ time, lanes: count });
  const times = timesOf(world, time);
  await time.advance(MINUTE);
  const before = world.calls();
  await rentAll(world, time, count, times.reported);
  const added = [...times.reported].map(
    ([contract, at]) => at - (times.locked.get(contract) ?? Number.NaN) - own(world),
  );
  const calls = world.calls() - before;
  await world.stop();
  return [
    {
      what: `${count} at once: added to Hetzner’s own time, slowest`,
      value: Math.max(...added) / 1_000,
      unit: 's',
      against: { what: 'Hetzner’s own', value: own(world) / 1_000 },
      promise: { of: 'value', atMost: 1 },
    },
    { what: `${count} at once: added, median`, value: quantile(added, 0.5) / 1_000, unit: 's' },
    { what: `${count} at once: calls for each machine`, value: calls / count, unit: 'calls' },
  ];
}

/** `spare`: how many requests are left beyond the reserve; absent = the whole bucket. */
async function burst(spare: number | undefined): Promise<Figure[]> {
  const time = new VirtualTime();
  const world = await openHetznerWorld({ time, lanes: BURST, reserve: RESERVE });
  const times = timesOf(world, time);
  await time.advance(MINUTE);
  // The first machine tells the agent what is left, and leaves the project's SSH key behind.
  await rentAll(world, time, 1, times.reported);
  if (spare !== undefined) await drain(world, time, RESERVE + spare);
  const [began, left] = [time.monotonic(), spare === undefined ? LIMIT : world.remaining() - RESERVE];
  await rentAll(world, time, world.platform.contracts.size + BURST, times.reported);
  const lasted = Math.max(...times.reported.values()) - began;
  const ideal = Math.max(0, BURST - left) * 1_000 + own(world);
  const throttled = world.throttled();
  await world.stop();
  const what = `${BURST} at once, ${spare === undefined ? 'nothing spent' : `${spare} requests beyond the reserve`}`;
  return [
    {
      what: `${what}: until all are handed over`,
      value: lasted / 1_000,
      unit: 's',
      against: { what: 'the ideal of the budget', value: ideal / 1_000 },
      promise: { of: 'ratio', atMost: 1.2 },
    },
    { what: `${what}: refused with 429`, value: throttled, unit: 'calls', promise: { of: 'value', atMost: 0 } },
  ];
}

/** The owner's other tools use up requests until about so many are left, and the agent hears of it with its next look. */
async function drain(world: HetznerWorld, time: VirtualTime, left: number): Promise<void> {
  // Looking waits until twice the reserve is there: it must come before the last of them are spent.
  world.core.admin.spendRequests(LIMIT - 3 * RESERVE);
  await heard(world, time);
  world.core.admin.spendRequests(world.remaining() - left);
  const { calls, rent } = world;
  const before = calls();
  rent();
  await time.advance(MINUTE, () => calls() > before);
}

async function heard({ calls }: HetznerWorld, time: VirtualTime): Promise<void> {
  const before = calls();
  await time.advance(5 * MINUTE, () => calls() > before);
}

/** What Hetzner and the machine need for one server. */
function own({ timings: { createMs, startMs, bootMs } }: HetznerWorld): number {
  return createMs + startMs + bootMs;
}

async function idle(machines: number): Promise<Figure[]> {
  const time = new VirtualTime();
  const world = await openHetznerWorld({ time, lanes: Math.min(machines, 20) });
  const { reported } = timesOf(world, time);
  await time.advance(MINUTE);
  await rentAll(world, time, machines, reported);
  await time.advance(5 * MINUTE);
  const before = world.calls();
  await time.advance(IDLE_MINUTES * MINUTE);
  const made = world.calls() - before;
  await world.stop();
  const promise = machines >= 200 ? ({ promise: { of: 'value', atMost: 2 } } as const) : {};
  return [
    { what: `${machines} machines: all calls in a minute`, value: made / IDLE_MINUTES, unit: '/min', ...promise },
  ];
}

interface Times {
  readonly locked: ReadonlyMap<string, number>;
  readonly reported: ReadonlyMap<string, number>;
}

/** By contract: when the platform first gave its lock, and when it had the report. */
function timesOf({ platform }: HetznerWorld, time: VirtualTime): Times {
  const locked = new Map<string, number>();
  const reported = new Map<string, number>();
  platform.onExchange(({ outcome }) => {
    for (const contract of platform.locks.keys()) {
      if (!locked.has(contract)) locked.set(contract, time.monotonic());
    }
    if (outcome.route !== 'provisioning') return;
    for (const [contract, { details }] of platform.contracts) {
      if (details !== undefined && !reported.has(contract)) reported.set(contract, time.monotonic());
    }
  });
  return { locked, reported };
}

/** Until so many have been handed over, all told. */
async function rentAll(
  { rent, platform }: HetznerWorld,
  time: VirtualTime,
  count: number,
  reported: ReadonlyMap<string, number>,
): Promise<void> {
  while (platform.contracts.size < count) rent();
  await time.advance(120 * MINUTE, () => reported.size >= count);
  if (reported.size < count) throw new Error(`only ${reported.size} of ${count} contracts were delivered`);
}
