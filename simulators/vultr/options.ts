/** How long the provider's work takes, in ms. */
export interface Timings {
  /** From the order to `active`; an instance from a snapshot takes longer. */
  readonly activateMs: number;
  readonly activateFromSnapshotMs: number;
  /** For so long an instance that has just become active is `locked`. */
  readonly lockedMs: number;
  /** `installingbooting`, until `ok`. */
  readonly installMs: number;
  /** From `ok` until the address shows: the last thing that comes. */
  readonly addressMs: number;
  /** From running until a login is accepted. */
  readonly bootMs: number;
  readonly haltMs: number;
  readonly startMs: number;
  /** From an accepted deletion until nothing shows the instance any more. */
  readonly deleteMs: number;
}

/** Together about 30 s from an operating system. */
const REAL_TIMINGS: Timings = {
  activateMs: 12_000,
  activateFromSnapshotMs: 120_000,
  lockedMs: 3_000,
  installMs: 13_000,
  addressMs: 2_000,
  bootMs: 8_000,
  haltMs: 2_000,
  startMs: 3_000,
  deleteMs: 4_000,
};

export interface VultrOptions {
  /** API keys of the one account that this simulator is. */
  readonly keys: readonly string[];
  readonly timings: Timings;
  /** How many instances the account may have. */
  readonly maxInstances: number;
  /** More than so many requests in any second are refused, whoever makes them. */
  readonly requestsPerSecond: number;
  /** `documentation`: addresses nobody has; `loopback`: 127.78.0.0/16, where guests can really listen. */
  readonly addresses: 'documentation' | 'loopback';
  /** Bytes per second of running, so that traffic has something to show. */
  readonly bytesInPerSecond: number;
  readonly bytesOutPerSecond: number;
}

/** What a caller may choose. `speed` divides every timing: 100 makes an instance in about 0.3 s. */
export type VultrChoices = Partial<Omit<VultrOptions, 'timings'>> & {
  readonly timings?: Partial<Timings>;
  readonly speed?: number;
};

/** The API key that works unless others are named. */
export const SIMULATOR_KEY = 'DCAGENTVULTRSIMULATOR'.padEnd(36, '0');

export function chooseOptions({ timings, speed = 1, ...rest }: VultrChoices): VultrOptions {
  const chosen = { ...REAL_TIMINGS, ...timings };
  const paced = Object.fromEntries(Object.entries(chosen).map(([name, ms]) => [name, Math.round(ms / speed)]));
  return {
    keys: [SIMULATOR_KEY],
    maxInstances: 1_000,
    requestsPerSecond: 30,
    addresses: 'documentation',
    bytesInPerSecond: 2_000,
    bytesOutPerSecond: 6_000,
    ...rest,
    timings: { ...chosen, ...paced },
  };
}
