import type { Fault as PlatformFault } from '../../simulators/platform/faults.ts';
import type { Fault as BackendTrouble } from '../../simulators/sandbox/faults.ts';
import { SeededRandom } from './seeded-random.ts';

/** The calls to the platform that faults are aimed at. */
export const PLATFORM_CALLS = [
  'heartbeat',
  'work-list',
  'lock',
  'unlock',
  'report',
  'terminated',
  'reconcile',
  'health',
  'credential',
] as const;
export type PlatformCall = (typeof PLATFORM_CALLS)[number];

export type { BackendTrouble };

export type BackendCall = 'create' | 'list' | 'get' | 'configure' | 'start' | 'stop' | 'delete' | 'inventory';

/** One thing that happens to the world. Contracts are named by the order in which the story rents them. */
export type Action =
  | {
      readonly kind: 'rent';
      readonly name: number;
      readonly hours: number;
      readonly what: 'ours' | 'foreign-type' | 'bad-key';
    }
  | { readonly kind: 'cancel' | 'extend' | 'pause' | 'resume' | 'lose-dispute' | 'expire'; readonly name: number }
  | { readonly kind: 'rotate-key' | 'reset-password'; readonly name: number }
  | { readonly kind: 'power-off' | 'lose-machine' | 'id-to-stranger'; readonly name: number }
  | {
      readonly kind: 'crash';
      readonly host: number;
      readonly calls: number;
      readonly when: 'before' | 'after';
      readonly power: boolean;
      readonly downMs: number;
    }
  | { readonly kind: 'stop'; readonly host: number; readonly graceMs: number; readonly downMs: number }
  | { readonly kind: 'drain'; readonly host: number; readonly forMs: number }
  | { readonly kind: 'clock-jump'; readonly host: number; readonly byMs: number; readonly forMs: number }
  | { readonly kind: 'disk-full'; readonly host: number; readonly forMs: number }
  | {
      readonly kind: 'platform-fault';
      readonly call: PlatformCall;
      readonly skip: number;
      readonly times: number;
      readonly fault: PlatformFault;
    }
  | {
      readonly kind: 'backend-fault';
      readonly call: BackendCall;
      readonly skip: number;
      readonly times: number;
      readonly fault: BackendTrouble;
    }
  | { readonly kind: 'platform-outage' | 'backend-outage'; readonly forMs: number }
  | { readonly kind: 'node-down' | 'platform-lies'; readonly forMs: number }
  | { readonly kind: 'platform-backup' | 'platform-restore' }
  | { readonly kind: 'foreign-machine' }
  /** A guest says that it is where it is not: where another tenant's machine is, where the next one will be, or anywhere. */
  | { readonly kind: 'guest-lies'; readonly name: number; readonly address: ClaimedAddress; readonly forMs: number };

export type ClaimedAddress = 'neighbour' | 'next' | '127.0.0.1' | '8.8.8.8' | 'evil.example';

export interface Scene {
  /** ms after the beginning. */
  readonly at: number;
  readonly action: Action;
}

export interface Story {
  readonly seed: number;
  readonly hosts: number;
  readonly latencyMs: number;
  readonly createMs: number;
  readonly bootMs: number;
  readonly maxMachines: number;
  readonly lanes: number;
  readonly workIntervalMs: number;
  readonly reconcileIntervalMs: number;
  readonly reuseIds: boolean;
  /** Ledger entries after which a snapshot is written. */
  readonly snapshotAfter: number;
  /** How likely a call meets a fault of its own, beside those of the scenes, while the story lasts. */
  readonly weather: { readonly platform: number; readonly backend: number };
  readonly lengthMs: number;
  readonly scenes: readonly Scene[];
}

const MINUTE = 60_000;
const BAD_WEATHER = [0, 0, 0, 0, 0.02, 0.1, 0.3] as const;

/** The story of a seed: always the same one. */
export function tell(seed: number): Story {
  const random = new SeededRandom(seed);
  const slow = random.chance(0.1);
  const story = {
    seed,
    hosts: random.chance(0.65) ? 1 : 2 + random.below(2),
    latencyMs: random.pick([1, 5, 40, 200]),
    createMs: slow ? 120_000 + random.below(300_000) : random.pick([200, 2_000, 20_000]),
    bootMs: random.pick([300, 3_000, 15_000]),
    maxMachines: random.chance(0.15) ? 3 : 200,
    lanes: random.pick([1, 2, 4]),
    workIntervalMs: random.pick([5_000, 10_000, 20_000]),
    reconcileIntervalMs: random.pick([15_000, 30_000, 60_000]),
    reuseIds: random.chance(0.5),
    weather: { platform: random.pick(BAD_WEATHER), backend: random.pick(BAD_WEATHER) },
    snapshotAfter: random.pick([10, 60, 20_000]),
    lengthMs: (slow ? 15 : 4 + random.below(10)) * MINUTE,
  };
  const { scenes, lastsMs = 0 } = misfortune(new SeededRandom(seed + 0xacc1d), story);
  return {
    ...story,
    lengthMs: Math.max(story.lengthMs, lastsMs),
    scenes: [...scenesOf(random, story), ...scenes, ...guestLies(new SeededRandom(seed + 0x11e5), story.lengthMs)].sort(
      (a, b) => a.at - b.at,
    ),
  };
}

interface Misfortune {
  readonly scenes: readonly Scene[];
  /** ms after the beginning until which the story goes on for its sake. */
  readonly lastsMs?: number;
}

/**
 * What takes several things in the right order, and hardly ever comes about by chance. From a chance of its own: every other story
 * of a seed stays as it was.
 */
function misfortune(random: SeededRandom, { lengthMs, hosts }: { lengthMs: number; hosts: number }): Misfortune {
  if (random.chance(0.04)) return { scenes: [createdLate(random)] };
  if (hosts === 1 && random.chance(0.04)) return takenBackWhileAway(lengthMs / 2 + random.below(lengthMs * 0.4));
  return { scenes: [] };
}

/** From a chance of its own as well. Only where machines are behind their host is a guest asked where it is. */
function guestLies(random: SeededRandom, lengthMs: number): Scene[] {
  if (!random.chance(0.25)) return [];
  const address = random.pick(['neighbour', 'neighbour', 'next', '127.0.0.1', '8.8.8.8', 'evil.example'] as const);
  return [
    {
      at: random.below(lengthMs),
      action: { kind: 'guest-lies', name: random.below(4), address, forMs: MINUTE + random.below(8 * MINUTE) },
    },
  ];
}

/** A request for a machine is on its way until long after it was given up, and another was made in its place. */
function createdLate(random: SeededRandom): Scene {
  const ms = 45_000 + random.below(300_000);
  return {
    at: 0,
    action: {
      kind: 'backend-fault',
      call: 'create',
      skip: random.below(2),
      times: 1,
      fault: { kind: 'delay', ms, at: 'before' },
    },
  };
}

/** A tenant whom the rest of the story leaves alone. */
const ON_HIS_OWN = 99;

/** The agent hears of a pause and cannot do it, dies, and when it is back nobody is there to tell it that the pause was lifted. */
function takenBackWhileAway(at: number): Misfortune {
  const away = 400_000;
  const name = ON_HIS_OWN;
  return {
    scenes: [
      { at, action: { kind: 'rent', name, hours: 24, what: 'ours' } },
      { at: at + 120_000, action: { kind: 'backend-outage', forMs: away + 60_000 } },
      { at: at + 125_000, action: { kind: 'pause', name } },
      { at: at + 200_000, action: { kind: 'crash', host: 0, calls: 0, when: 'before', power: false, downMs: away } },
      { at: at + 215_000, action: { kind: 'resume', name } },
      { at: at + 590_000, action: { kind: 'platform-outage', forMs: 60_000 } },
    ],
    lastsMs: at + away + 270_000,
  };
}

function scenesOf(random: SeededRandom, { lengthMs, hosts }: { lengthMs: number; hosts: number }): Scene[] {
  const scenes: Scene[] = [];
  const crowd = random.chance(0.08);
  const rents = crowd ? 8 + random.below(10) : 1 + random.below(6);
  const firstHalf = (): number => random.below(lengthMs * 0.5);
  const sometime = (): number => random.below(lengthMs);
  for (let name = 0; name < rents; name++) {
    const at = crowd ? 1_000 : firstHalf();
    const what = random.chance(0.07) ? 'foreign-type' : random.chance(0.05) ? 'bad-key' : 'ours';
    scenes.push({ at, action: { kind: 'rent', name, hours: 2 + random.below(48), what } });
    if (random.chance(0.12)) scenes.push({ at: at + random.below(15_000), action: crash(random, hosts, 25) });
    let when = at;
    for (const action of life(random, name, hosts)) {
      when += random.below(lengthMs - when);
      scenes.push({ at: when, action });
    }
  }
  const troubles = random.below(8);
  for (let index = 0; index < troubles; index++) scenes.push({ at: sometime(), action: trouble(random, hosts) });
  if (crowd) scenes.push({ at: lengthMs * 0.6, action: { kind: 'platform-lies', forMs: 8 * MINUTE } });
  if (random.chance(0.15)) {
    const at = sometime();
    scenes.push(
      { at, action: { kind: 'platform-backup' } },
      { at: at + random.below(lengthMs - at), action: { kind: 'platform-restore' } },
    );
  }
  if (random.chance(0.12)) scenes.push(...lostAndUnseen(random, firstHalf()));
  if (random.chance(0.4)) scenes.push({ at: 0, action: { kind: 'foreign-machine' } });
  if (random.chance(0.1))
    scenes.push({ at: sometime(), action: { kind: 'node-down', forMs: random.below(4 * MINUTE) } });
  return scenes.sort((a, b) => a.at - b.at);
}

/** A machine is made, its answer is lost, and the backend cannot show it for a while. */
function lostAndUnseen(random: SeededRandom, at: number): Scene[] {
  const lost: Action = {
    kind: 'backend-fault',
    call: 'create',
    skip: 0,
    times: 1,
    fault: { kind: random.pick(['drop-after', 'truncate', 'hang']) },
  };
  const unseen: Action = {
    kind: 'backend-fault',
    call: 'list',
    skip: 0,
    times: 2 + random.below(6),
    fault: { kind: 'list-partial' },
  };
  return [
    { at, action: lost },
    { at: at + random.below(5_000), action: unseen },
  ];
}

const BACKEND_OUTAGE: Action = { kind: 'backend-outage', forMs: 3 * MINUTE };

function life(random: SeededRandom, name: number, hosts: number): Action[] {
  const dice = random.below(20);
  if (dice < 6) return [{ kind: 'cancel', name }];
  if (dice < 8) return [{ kind: 'pause', name }];
  if (dice < 10)
    return [
      { kind: 'pause', name },
      // Whoever was away, or could not do it, must hear of the second before acting on the first.
      ...(random.chance(0.4) ? [random.chance(0.5) ? crash(random, hosts, 30) : BACKEND_OUTAGE] : []),
      { kind: 'resume', name },
    ];
  if (dice === 10)
    return [
      { kind: 'pause', name },
      { kind: 'lose-dispute', name },
    ];
  if (dice === 11) return [{ kind: 'expire', name }];
  if (dice === 12) return [{ kind: 'extend', name }];
  if (dice === 13) return [{ kind: random.pick(['rotate-key', 'reset-password'] as const), name }];
  if (dice === 14) return [{ kind: 'power-off', name }];
  if (dice === 15) return [{ kind: random.pick(['lose-machine', 'id-to-stranger'] as const), name }];
  return [];
}

function crash(random: SeededRandom, hosts: number, within: number): Action {
  return {
    kind: 'crash',
    host: random.below(hosts),
    calls: random.below(within),
    when: random.pick(['before', 'after']),
    power: random.chance(0.5),
    downMs: random.pick([500, 5_000, 60_000, 400_000]),
  };
}

function trouble(random: SeededRandom, hosts: number): Action {
  const host = random.below(hosts);
  const dice = random.below(20);
  if (dice < 6) return crash(random, hosts, 80);
  if (dice < 7)
    return { kind: 'stop', host, graceMs: random.pick([0, 5_000, 60_000]), downMs: random.pick([1_000, 30_000]) };
  if (dice < 8) return { kind: 'drain', host, forMs: random.below(5 * MINUTE) };
  if (dice < 10) {
    return {
      kind: 'clock-jump',
      host,
      byMs: (random.chance(0.5) ? 1 : -1) * random.pick([2_000, 200_000, 4_000_000]),
      forMs: random.below(4 * MINUTE),
    };
  }
  if (dice < 11) return { kind: 'disk-full', host, forMs: random.below(2 * MINUTE) };
  if (dice < 12)
    return { kind: random.pick(['platform-outage', 'backend-outage'] as const), forMs: random.below(6 * MINUTE) };
  const skip = random.below(6);
  const times = 1 + random.below(4);
  const platformCall = random.pick(PLATFORM_CALLS);
  if (dice < 16)
    return { kind: 'platform-fault', call: platformCall, skip, times, fault: platformFault(random, platformCall) };
  const call = random.pick([
    'create',
    'create',
    'list',
    'get',
    'configure',
    'start',
    'stop',
    'delete',
    'delete',
    'inventory',
  ] as const);
  return { kind: 'backend-fault', call, skip, times, fault: backendTrouble(random, call) };
}

/** Caches answer reads with what was true before; a write is never answered from one. */
const READS: ReadonlySet<string> = new Set<PlatformCall>(['work-list', 'reconcile', 'heartbeat']);

export function platformFault(random: SeededRandom, call: PlatformCall | undefined): PlatformFault {
  const kinds: (() => PlatformFault)[] = [
    () => ({ kind: 'drop-before' }),
    () => ({ kind: 'drop-after' }),
    () => ({ kind: 'drop-after' }),
    () => ({ kind: 'hang', processed: random.chance(0.5) }),
    () => ({ kind: 'delay', ms: random.below(60_000) }),
    () => ({ kind: 'hold', ms: random.below(40_000) }),
    () => ({ kind: 'throttle', retryAfterSeconds: 1 + random.below(60) }),
    () => ({ kind: 'server-error', processed: random.chance(0.5) }),
    () => ({ kind: 'bad-gateway', processed: random.chance(0.5) }),
    () => ({ kind: 'truncate', framing: random.pick(['broken', 'intact']) }),
    () => ({ kind: 'empty-list' }),
    () => ({ kind: 'duplicate-entries' }),
    () => ({ kind: 'malformed-entries' }),
  ];
  if (call !== undefined && READS.has(call)) kinds.push(() => ({ kind: 'stale' }));
  return random.pick(kinds)();
}

/** A fault for any call, except that it lies about machines: those are told in scenes, which know what may be excused. */
export function backendTrouble(random: SeededRandom, call: string): BackendTrouble {
  const any: (() => BackendTrouble)[] = [
    () => ({
      kind: random.pick(['refuse', 'drop-before', 'drop-after', 'truncate', 'hang', 'hang-before', 'garbage'] as const),
    }),
    () => ({ kind: 'delay', ms: random.below(40_000), at: random.pick(['before', 'after']) }),
    () => ({
      kind: 'status',
      status: random.pick([500, 503, 429] as const),
      retryAfterSeconds: 1 + random.below(20),
      ...(random.chance(0.3) ? { processed: true } : {}),
    }),
  ];
  const own: Readonly<Record<string, (() => BackendTrouble)[]>> = {
    create: [
      () => ({ kind: 'no-capacity' }),
      () => ({ kind: 'half-create' }),
      () => ({ kind: 'slow-create', ms: random.below(200_000) }),
    ],
    list: [() => ({ kind: random.pick(['list-partial', 'list-empty', 'list-stale'] as const) })],
    start: [() => ({ kind: 'ignore' })],
    stop: [() => ({ kind: 'ignore' })],
  };
  return random.pick([...any, ...(own[call] ?? [])])();
}
