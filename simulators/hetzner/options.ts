/** How long the provider's work takes, in ms. */
export interface Timings {
  /** `create_server` from a system image, and from a snapshot: about 11 s and 140 s until running, start included. */
  readonly createMs: number;
  readonly createFromSnapshotMs: number;
  /** `start_server`; the server shows `off` for its first third, then `starting`. */
  readonly startMs: number;
  /** From running until a login is accepted. */
  readonly bootMs: number;
  readonly stopMs: number;
  /** What a guest that heeds ACPI takes to go down after the signal. */
  readonly guestShutdownMs: number;
  readonly deleteMs: number;
  readonly rebuildMs: number;
  readonly changeTypeMs: number;
  readonly imageMs: number;
  readonly volumeMs: number;
  readonly firewallMs: number;
  /** For so long after its server is gone a firewall still counts as in use. */
  readonly firewallReleaseMs: number;
  /** Everything that only has to be noted down. */
  readonly quickMs: number;
}

const REAL_TIMINGS: Timings = {
  createMs: 8_000,
  createFromSnapshotMs: 137_000,
  startMs: 3_000,
  bootMs: 12_000,
  stopMs: 1_500,
  guestShutdownMs: 6_000,
  deleteMs: 2_500,
  rebuildMs: 12_000,
  changeTypeMs: 30_000,
  imageMs: 60_000,
  volumeMs: 2_000,
  firewallMs: 800,
  firewallReleaseMs: 3_000,
  quickMs: 400,
};

/** How many of each the account may have. */
export interface Limits {
  servers: number;
  primaryIps: number;
  volumes: number;
  firewalls: number;
  sshKeys: number;
  snapshots: number;
}

export interface HetznerOptions {
  /** Tokens of the one project that this simulator is, each 64 characters. */
  readonly tokens: readonly string[];
  /** Tokens that may only GET. */
  readonly readOnlyTokens: readonly string[];
  readonly timings: Timings;
  readonly limits: Readonly<Limits>;
  /** Size of the request budget; it refills within an hour. */
  readonly requestsPerHour: number;
  /** `documentation`: addresses nobody has; `loopback`: 127.77.0.0/16, where guests can really listen. */
  readonly addresses: 'documentation' | 'loopback';
  /** Bytes per second of running, so that traffic has something to show. */
  readonly bytesInPerSecond: number;
  readonly bytesOutPerSecond: number;
}

/** What a caller may choose. `speed` divides every timing: 100 makes a server in about 0.1 s. */
export type HetznerChoices = Partial<Omit<HetznerOptions, 'timings' | 'limits'>> & {
  readonly timings?: Partial<Timings>;
  readonly limits?: Partial<Limits>;
  readonly speed?: number;
};

/** The token that works unless others are named. */
export const SIMULATOR_TOKEN = 'dcAgentHetznerSimulator'.padEnd(64, '0');

export function chooseOptions({ timings, limits, speed = 1, ...rest }: HetznerChoices): HetznerOptions {
  const chosen = { ...REAL_TIMINGS, ...timings };
  const paced = Object.fromEntries(Object.entries(chosen).map(([name, ms]) => [name, Math.round(ms / speed)]));
  return {
    tokens: [SIMULATOR_TOKEN],
    readOnlyTokens: [],
    requestsPerHour: 3_600,
    addresses: 'documentation',
    bytesInPerSecond: 2_000,
    bytesOutPerSecond: 6_000,
    ...rest,
    timings: { ...chosen, ...paced },
    limits: { servers: 1_000, primaryIps: 2_000, volumes: 100, firewalls: 50, sshKeys: 500, snapshots: 100, ...limits },
  };
}
