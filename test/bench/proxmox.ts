import { VirtualTime } from '../simulation/virtual-time.ts';
import { type Bench, type Figure, type Findings, quantile, type Scope } from './figure.ts';
import { openProxmoxWorld, type ProxmoxWorld, type Purpose } from './proxmox-agent.ts';

export const proxmox: Bench = {
  name: 'proxmox',
  about: 'What the agent and its plugin add to a Proxmox VE host’s own time, and how often they call it: virtual time.',
  run: measure,
};

const MINUTE = 60_000;
const CYCLES_PER_MINUTE = 2;
/** A listing reads one more machine again each time; some minutes show the mean. */
const IDLE_MINUTES = 10;

async function measure(scope: Scope): Promise<Findings> {
  const figures: Figure[] = [];
  for (const address of ['range', 'dhcp'] as const) {
    for (const count of [1, 20]) {
      scope.progress(`${count} contracts, address by ${address}`);
      figures.push(...(await delivered(count, address)));
    }
  }
  for (const machines of scope.quick ? [1, 10] : [1, 10, 200]) {
    scope.progress(`${machines} machines that need nothing`);
    figures.push(...(await idle(machines)));
  }
  return {
    figures,
    notes: [
      'proxmox: the host takes the time that was recorded of a small one, for each of 20 machines as for one; a call takes 2 ms. SSH answers at once.',
      'proxmox: "added" is from the lock to the report, less clone, configuration, resize, start and, with DHCP, the boot until the address is there; with a range the image has no guest agent.',
    ],
  };
}

async function delivered(count: number, address: 'dhcp' | 'range'): Promise<Figure[]> {
  const time = new VirtualTime();
  const world = await openProxmoxWorld({ time, lanes: count, address });
  const times = timesOf(world, time);
  await time.advance(MINUTE);
  await rentAll(world, time, count, times.reported);
  const added = [...times.reported].map(
    ([contract, at]) => at - (times.locked.get(contract) ?? Number.NaN) - own(world, address),
  );
  const calls = world.calls.get('create') ?? 0;
  await world.stop();
  const what = `${count} at once, ${address === 'dhcp' ? 'DHCP' : 'range'}`;
  return [
    {
      what: `${what}: added to the host’s own time, slowest`,
      value: Math.max(...added) / 1_000,
      unit: 's',
      against: { what: 'the host’s own', value: own(world, address) / 1_000 },
      promise: { of: 'value', atMost: 1 },
    },
    { what: `${what}: added, median`, value: quantile(added, 0.5) / 1_000, unit: 's' },
    { what: `${what}: calls for each machine`, value: calls / count, unit: 'calls' },
  ];
}

/** What the host itself needs for one machine that has it to itself. */
function own({ timings }: ProxmoxWorld, address: 'dhcp' | 'range'): number {
  const { linkedCloneMs, configMs, resizeMs, startMs, addressMs } = timings;
  return linkedCloneMs + configMs + resizeMs + startMs + (address === 'dhcp' ? addressMs : 0);
}

async function idle(machines: number): Promise<Figure[]> {
  const time = new VirtualTime();
  const world = await openProxmoxWorld({ time, lanes: Math.min(machines, 20), address: 'range' });
  const { reported } = timesOf(world, time);
  await time.advance(MINUTE);
  await rentAll(world, time, machines, reported);
  // What the lists learn of new machines they have learnt by then.
  await time.advance(5 * MINUTE);
  const [calls, rounds, all] = [new Map(world.calls), new Map(world.rounds), world.core.calls.length];
  await time.advance(IDLE_MINUTES * MINUTE);
  const since = (now: ReadonlyMap<Purpose, number>, before: ReadonlyMap<Purpose, number>, what: Purpose): number =>
    (now.get(what) ?? 0) - (before.get(what) ?? 0);
  const cycles = IDLE_MINUTES * CYCLES_PER_MINUTE;
  const made = world.core.calls.length - all;
  const lists = since(world.calls, calls, 'list') / since(world.rounds, rounds, 'list');
  const inventory = since(world.calls, calls, 'inventory') / since(world.rounds, rounds, 'inventory');
  const health = since(world.calls, calls, 'observe') / Math.max(1, since(world.rounds, rounds, 'observe'));
  await world.stop();
  const promise = machines >= 200 ? ({ promise: { of: 'value', atMost: 3 } } as const) : {};
  return [
    {
      what: `${machines} machines: calls of a look at all of them`,
      value: lists,
      unit: 'calls',
      ...promise,
    },
    { what: `${machines} machines: calls of a measurement of the host`, value: inventory, unit: 'calls' },
    { what: `${machines} machines: calls of one machine’s health check`, value: health, unit: 'calls' },
    { what: `${machines} machines: all calls in a cycle of 30 s`, value: made / cycles, unit: 'calls', ...promise },
  ];
}

interface Times {
  readonly locked: ReadonlyMap<string, number>;
  readonly reported: ReadonlyMap<string, number>;
}

/** By contract: when the platform first gave its lock, and when it had the report. */
function timesOf({ platform }: ProxmoxWorld, time: VirtualTime): Times {
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

async function rentAll(
  { rent }: ProxmoxWorld,
  time: VirtualTime,
  count: number,
  reported: ReadonlyMap<string, number>,
): Promise<void> {
  for (let made = 0; made < count; made++) rent();
  await time.advance(60 * MINUTE, () => reported.size >= count);
  if (reported.size < count) throw new Error(`only ${reported.size} of ${count} contracts were delivered`);
}
