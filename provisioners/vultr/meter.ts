import {
  type CallContext,
  type Clock,
  type ContractId,
  isProvisionerError,
  type OwnerStamp,
  type TrafficSample,
} from '../../src/provisioner/index.ts';
import type { VultrApi } from './api.ts';
import type { Asking } from './client.ts';
import type { Days } from './wire.ts';

/**
 * Counters of traffic. The API has one for each UTC day and machine, and shows the last weeks of them: a sum of all that it shows
 * would fall whenever an old day drops out. What is told is the sum of the present month (UTC): it only rises, and begins at 0
 * with each month, which a caller who adds up takes for the new beginning that it is.
 */
export interface Meter {
  /** What these machines moved. One that cannot be asked now is left out; when none can, that is an error. */
  read(machines: readonly Metered[], ctx: CallContext): Promise<TrafficSample[]>;
  /** Just before its deletion: the counters of an instance go with it. Never in the way of the deletion. */
  last(id: string, stamp: OwnerStamp, ctx: CallContext): Promise<void>;
}

interface Metered {
  readonly id: string;
  readonly contract: ContractId;
}

interface Reading {
  readonly contract: ContractId;
  readonly at: number;
  readonly month: string;
  /** The most that was seen of each day: a count that is corrected downwards must not look like a new beginning. */
  readonly days: ReadonlyMap<string, { readonly bytesIn: number; readonly bytesOut: number }>;
}

/** One request for each machine: a day's counter does not need a closer look. */
const FRESH_MS = 600_000;
const LAST_MS = 10_000;
/** What nobody asks for is not kept for ever. */
const MAX_LAST = 1_000;

export function createMeter(api: VultrApi, clock: Clock): Meter {
  const readings = new Map<string, Reading>();
  const gone = new Map<string, Reading>();

  async function fresh({ id, contract }: Metered, asking: Asking): Promise<Reading | undefined> {
    const before = readings.get(id);
    const month = new Date(clock.now()).toISOString().slice(0, 7);
    if (before?.month === month && clock.monotonic() - before.at < FRESH_MS) return before;
    const shown = await api.bandwidth(id, asking);
    if (shown === undefined) return undefined;
    const days = merge(before?.month === month ? before.days : new Map(), shown, month);
    const reading = { contract, at: clock.monotonic(), month, days };
    readings.set(id, reading);
    return reading;
  }

  /** A deletion waits for counters this long at most. */
  async function shortly<T>(signal: AbortSignal, act: (soon: AbortSignal) => Promise<T>): Promise<T> {
    const ending = new AbortController();
    const onAbort = (): void => ending.abort(signal.reason);
    const cancel = clock.after(LAST_MS, () => ending.abort(new Error('the counters came too late')));
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await act(ending.signal);
    } finally {
      cancel();
      signal.removeEventListener('abort', onAbort);
    }
  }

  return {
    async read(machines, { signal, log }) {
      const present = new Set(machines.map(({ id }) => id));
      for (const id of readings.keys()) if (!present.has(id)) readings.delete(id);
      const asking = { lane: 'look', signal } as const;
      const outcomes = await Promise.allSettled(machines.map((machine) => fresh(machine, asking)));
      const failures = outcomes.filter((outcome) => outcome.status === 'rejected');
      const [first] = failures;
      if (first && failures.length === machines.length) throw first.reason;
      if (first)
        log.warn({ machines: failures.length, error: first.reason }, 'vultr: the traffic of some is not known');
      const found = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
      const samples = new Map<ContractId, TrafficSample>();
      // One contract, one counter: of a machine that is gone and its successor, the successor's.
      for (const reading of [...gone.values(), ...found]) if (reading) samples.set(reading.contract, sampleOf(reading));
      gone.clear();
      return [...samples.values()];
    },
    async last(id, { contract }, { signal, log }) {
      try {
        readings.delete(id);
        const reading = await shortly(signal, (soon) => fresh({ id, contract }, { lane: 'remove', signal: soon }));
        if (reading !== undefined && gone.size < MAX_LAST) gone.set(id, reading);
      } catch (error) {
        if (!isProvisionerError(error)) throw error;
        log.warn({ instance: id, error }, 'vultr: the last of its traffic is not known');
      }
      readings.delete(id);
    },
  };
}

function merge(before: Reading['days'], shown: Days, month: string): Reading['days'] {
  const days = new Map(before);
  for (const [day, { incoming_bytes, outgoing_bytes }] of Object.entries(shown)) {
    if (!day.startsWith(month)) continue;
    const seen = before.get(day) ?? { bytesIn: 0, bytesOut: 0 };
    days.set(day, {
      bytesIn: Math.max(seen.bytesIn, Math.round(incoming_bytes)),
      bytesOut: Math.max(seen.bytesOut, Math.round(outgoing_bytes)),
    });
  }
  return days;
}

function sampleOf({ contract, days }: Reading): TrafficSample {
  const sum = (read: (day: { bytesIn: number; bytesOut: number }) => number): number =>
    [...days.values()].reduce((total, day) => total + read(day), 0);
  return { contract, bytesIn: sum(({ bytesIn }) => bytesIn), bytesOut: sum(({ bytesOut }) => bytesOut) };
}
