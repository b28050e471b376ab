/** How long the provider's work takes, in ms. */
export interface Timings {
  /** From the order until the droplet is active. */
  readonly createMs: number;
  /** From the order until its tags are on it: they are applied afterwards. */
  readonly tagMs: number;
  /** From active until its addresses are told. */
  readonly networkMs: number;
  readonly powerMs: number;
  /** What a guest that heeds ACPI takes to go down. */
  readonly guestShutdownMs: number;
  /** How long a shutdown that the guest ignores is waited for, before its action is errored. */
  readonly shutdownLimitMs: number;
  readonly deleteMs: number;
  /** From active until a login is accepted. */
  readonly bootMs: number;
}

const REAL_TIMINGS: Timings = {
  createMs: 32_000,
  tagMs: 900,
  networkMs: 1_500,
  powerMs: 4_000,
  guestShutdownMs: 6_000,
  shutdownLimitMs: 60_000,
  deleteMs: 3_000,
  bootMs: 12_000,
};

export interface DoOptions {
  readonly tokens: readonly string[];
  /** Tokens that may only read. */
  readonly readOnlyTokens: readonly string[];
  readonly timings: Timings;
  /** How many droplets the account may have. */
  readonly dropletLimit: number;
  readonly requestsPerHour: number;
  readonly requestsPerMinute: number;
  /** `documentation`: addresses nobody has; `loopback`: 127.79.0.0/16, where guests can really listen. */
  readonly addresses: 'documentation' | 'loopback';
  /** Mbps while it runs, so that traffic has something to show. */
  readonly mbpsIn: number;
  readonly mbpsOut: number;
}

/** What a caller may choose. `speed` divides every timing: 100 makes a droplet in about 0.3 s. */
export type DoChoices = Partial<Omit<DoOptions, 'timings'>> & {
  readonly timings?: Partial<Timings>;
  readonly speed?: number;
};

/** The token that works unless others are named. */
export const SIMULATOR_TOKEN = `dop_v1_${'5'.repeat(64)}`;

export function chooseOptions({ timings, speed = 1, ...rest }: DoChoices): DoOptions {
  const chosen = { ...REAL_TIMINGS, ...timings };
  const paced = Object.fromEntries(Object.entries(chosen).map(([name, ms]) => [name, Math.round(ms / speed)]));
  return {
    tokens: [SIMULATOR_TOKEN],
    readOnlyTokens: [],
    dropletLimit: 500,
    requestsPerHour: 5_000,
    requestsPerMinute: 250,
    addresses: 'documentation',
    mbpsIn: 0.8,
    mbpsOut: 2.4,
    ...rest,
    timings: { ...chosen, ...paced },
  };
}
