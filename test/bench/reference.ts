export interface ReferenceLoad {
  readonly contracts: number;
  /** What the backend itself needs for one machine. */
  readonly backendMs: number;
  /** With the fixed sleeps of its Proxmox path; without them it is the best that its serial loop can do. */
  readonly sleeps?: true;
}

const POLL_MS = 30_000;
/** Means: a task is looked at every 5 s (clone 2.5 s, start 3 s), the address after 10 s, 27 subprocesses of 50 ms. */
const SLEEPS_MS = 2_500 + 3_000 + 10_000 + 1_400;

/**
 * A model, not a measurement, of the reference agent's loop as its source reads: one poll every 30 s, then one contract after the
 * other, each with its sleeps. It costs nothing on the processor and its calls take no time, so the model flatters it.
 */
export function reference({ contracts, backendMs, sleeps }: ReferenceLoad) {
  const each = backendMs + (sleeps === undefined ? 0 : SLEEPS_MS);
  return {
    pollMs: POLL_MS,
    /** From the rental of a single contract to its report, on average. */
    meanFirstMs: POLL_MS / 2 + each,
    /** From the poll that saw them all to the report of the last. */
    lastMs: contracts * each,
  };
}
