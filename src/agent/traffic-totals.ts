/** Bytes in each direction, as a counter or as a sum. */
export interface Bytes {
  readonly in: number;
  readonly out: number;
}

/** Whose counter it is: the gateway's ports, or the backend's view of the machine's network card, which sees more. */
export type TrafficSource = 'gateway' | 'backend';

/** What one machine has moved since its contract began; never becomes less. Plain JSON. */
export interface TrafficTotals extends Bytes {
  readonly source: TrafficSource;
  /** How the counter stood at the latest look, and when that was (ms). */
  readonly counter: Bytes;
  readonly at: number;
  /** Bytes per second between the two latest looks. */
  readonly rate?: Bytes;
  /** The last hours in which something moved, oldest first: hours since 1970. */
  readonly hours: readonly (Bytes & { readonly hour: number })[];
  /** In the calendar month (UTC) of the latest look, as `2026-11`. */
  readonly month: Bytes & { readonly name: string };
}

/** The calendar month (UTC) of a time, as `2026-11`. */
export function monthOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 7);
}

const KEPT_HOURS = 48;
const HOUR_MS = 3_600_000;

/**
 * Adds one look at a counter. Pure. A counter that has become less was begun anew (a reboot, a flushed table), so all it holds is new.
 * What moved between the last look and the loss of a counter is not known and not guessed: totals may be too low by that, never too high.
 */
export function addSample(
  before: TrafficTotals | undefined,
  source: TrafficSource,
  counter: Bytes,
  now: number,
): TrafficTotals {
  // Once the backend has told, the gateway's smaller view would count the same bytes again.
  if (before?.source === 'backend' && source === 'gateway') return before;
  const moved = movedSince(before, source, counter);
  const hour = Math.floor(now / HOUR_MS);
  const month = monthOf(now);
  return {
    in: (before?.in ?? 0) + moved.in,
    out: (before?.out ?? 0) + moved.out,
    source,
    counter: { in: counter.in, out: counter.out },
    at: now,
    ...rateOf(before, moved, now),
    hours: addToHour(before?.hours ?? [], hour, moved),
    month: addTo(before?.month.name === month ? before.month : { name: month, in: 0, out: 0 }, moved),
  };
}

function movedSince(before: TrafficTotals | undefined, source: TrafficSource, counter: Bytes): Bytes {
  if (before === undefined) return counter;
  // The other counter has told of everything up to now.
  if (before.source !== source) return { in: 0, out: 0 };
  const restarted = counter.in < before.counter.in || counter.out < before.counter.out;
  if (restarted) return counter;
  return { in: counter.in - before.counter.in, out: counter.out - before.counter.out };
}

function rateOf(before: TrafficTotals | undefined, moved: Bytes, now: number): { rate?: Bytes } {
  const seconds = before === undefined ? 0 : (now - before.at) / 1000;
  return seconds > 0 ? { rate: { in: moved.in / seconds, out: moved.out / seconds } } : {};
}

function addToHour(hours: TrafficTotals['hours'], hour: number, moved: Bytes): TrafficTotals['hours'] {
  if (moved.in === 0 && moved.out === 0) return hours;
  const last = hours.at(-1);
  // A clock that went back adds to the newest hour there is.
  if (last !== undefined && last.hour >= hour) return [...hours.slice(0, -1), addTo(last, moved)];
  return [...hours, { hour, in: moved.in, out: moved.out }].slice(-KEPT_HOURS);
}

function addTo<T extends Bytes>(sum: T, moved: Bytes): T {
  return { ...sum, in: sum.in + moved.in, out: sum.out + moved.out };
}
