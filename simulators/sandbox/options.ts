/** Sizes of the make-believe host and how long its work takes. All times in ms; 0 = at once. */
export interface HypervisorOptions {
  readonly createMs: number;
  readonly startMs: number;
  /** From the start order until SSH answers; never before the machine runs. */
  readonly bootMs: number;
  readonly stopMs: number;
  readonly deleteMs: number;
  readonly cpuCores: number;
  readonly memoryMb: number;
  readonly diskGb: number;
  readonly maxMachines: number;
  /** The capacity is that of all nodes together. Machines are spread over them, and never move. */
  readonly nodes: number;
  readonly uniqueNames: boolean;
  /** The lowest free id is given out again, as some hypervisors do. */
  readonly reuseIds: boolean;
  /** Who names SSH ports: the model itself, counting up from `firstSshPort`, or a server that really listens. */
  readonly firstSshPort: number | 'server';
  readonly sshHost: string;
  /** What cloud-init does in a machine of that name, from its first login on; absent: machines have none. `ms` may be Infinity. */
  readonly cloudInit?: (name: string) => { readonly ms: number; readonly ends: 'done' | 'failed' } | undefined;
  /** Bytes per second of running, so that traffic has something to show. */
  readonly bytesInPerSecond: number;
  readonly bytesOutPerSecond: number;
}

export const DEFAULT_OPTIONS: HypervisorOptions = {
  createMs: 300,
  startMs: 50,
  bootMs: 600,
  stopMs: 100,
  deleteMs: 100,
  cpuCores: 32,
  memoryMb: 131_072,
  diskGb: 4_000,
  maxMachines: 500,
  nodes: 1,
  uniqueNames: false,
  reuseIds: false,
  firstSshPort: 40_001,
  sshHost: '127.0.0.1',
  bytesInPerSecond: 2_000,
  bytesOutPerSecond: 6_000,
};
