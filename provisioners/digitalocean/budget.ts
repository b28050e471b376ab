import { createLaneQueues, LANES, type Lane } from '../../src/provisioner/cloud/lanes.ts';
import type { ApiResponse } from '../../src/provisioner/cloud/transport.ts';
import { type Clock, jitter, type Random } from '../../src/provisioner/index.ts';

/** Given back when the answer is there, with its headers, or without where there was none. */
export type Done = (headers?: ApiResponse['headers']) => void;

/**
 * The token's share of API requests, mirrored. The API counts each request for an hour and for a minute after it was made; of
 * the hour it tells with each answer what is left and when the oldest expires, of the minute nothing. A request waits here until
 * enough is left for its lane, so that 429 stays the exception.
 */
export interface Budget {
  /** Resolves when the request may be sent; rejects with the signal's reason. */
  take(lane: Lane, signal: AbortSignal): Promise<Done>;
  /** The API said 429: everybody waits, as long as it said or a little. */
  refused(headers: ApiResponse['headers'], retryAfterMs: number | undefined): void;
  /** How long a request of this lane would wait now, in ms, as far as can be foreseen. */
  waitFor(lane: Lane): number;
  /** How many requests a second are free for polling without anybody having to wait for it. */
  readonly spare: 'plenty' | 'little';
  /** Of the hour, as far as known; undefined before the first answer. */
  readonly left: { readonly remaining: number; readonly limit: number } | undefined;
}

/** What is believed of the hour before the API has told. */
const FIRST_BURST = 100;
const DEFAULT_LIMIT = 5_000;
/** 60 at once and three a second are never more than the 250 that any minute may have. */
const MINUTE_BURST = 60;
const MINUTE_PER_MS = 3 / 1_000;
/** How much of the minute's burst is kept from polling and looking, for what changes something. */
const MINUTE_FLOOR: Readonly<Record<Lane, number>> = { remove: 0, make: 5, poll: 15, look: 25 };
const LONGEST_REST_MS = 3_600_000;

export function createBudget({
  clock,
  random,
  reserve,
}: {
  clock: Clock;
  random: Random;
  /** Requests that only removing may use; looking leaves twice as many. */
  reserve: number;
}): Budget {
  let limit = DEFAULT_LIMIT;
  let hour = FIRST_BURST;
  let minute = MINUTE_BURST;
  let known = false;
  let at = clock.monotonic();
  /** When the oldest counted request expires, and one more may be tried. */
  let nextAt = -Infinity;
  let inFlight = 0;
  let pausedUntil = -Infinity;
  const queues = createLaneQueues({
    clock,
    lacking,
    spend() {
      hour -= 1;
      minute -= 1;
      inFlight += 1;
    },
  });

  /** A small share is not reserved away. Until the API has told what is left, the first burst may be used up. */
  function floor(lane: Lane): number {
    if (lane === 'remove' || !known) return 0;
    const share = lane === 'look' ? 2 : 1;
    return Math.min(reserve * share, (limit / 4) * share);
  }

  function refill(): void {
    const now = clock.monotonic();
    minute = Math.min(MINUTE_BURST, minute + (now - at) * MINUTE_PER_MS);
    at = now;
  }

  function lacking(lane: Lane): number {
    refill();
    const pause = Math.max(0, pausedUntil - at);
    const burst = Math.max(0, MINUTE_FLOOR[lane] + 1 - minute) / MINUTE_PER_MS;
    return Math.max(pause, burst, hourly(lane));
  }

  /** Nothing tells how many requests expire when: at the time of the next one, a single one finds out. */
  function hourly(lane: Lane): number {
    if (hour >= floor(lane) + 1) return 0;
    if (inFlight > 0) return 1_000;
    return Math.max(0, nextAt - at);
  }

  function learn(headers: ApiResponse['headers']): void {
    const said = {
      limit: count(headers['ratelimit-limit']),
      remaining: count(headers['ratelimit-remaining']),
      reset: count(headers['ratelimit-reset']),
    };
    refill();
    if (said.limit !== undefined && said.limit > 0) limit = said.limit;
    if (said.remaining === undefined) return;
    known = true;
    // What is under way may or may not be counted in it yet: assume that it is not.
    hour = Math.min(limit, said.remaining - inFlight);
    const rest = said.reset === undefined ? 60_000 : said.reset * 1_000 - clock.now();
    // Soon enough to notice what the owner's other tools leave, and never at once.
    nextAt = at + Math.min(Math.max(rest, 1_000), LONGEST_REST_MS);
  }

  function done(headers?: ApiResponse['headers']): void {
    inFlight -= 1;
    if (headers !== undefined) learn(headers);
    queues.pump();
  }

  return {
    async take(lane, signal) {
      await queues.turn(lane, signal);
      return done;
    },
    refused(headers, retryAfterMs) {
      learn(headers);
      minute = Math.min(minute, 0);
      pausedUntil = Math.max(pausedUntil, at + (retryAfterMs ?? jitter(random, 5_000, 0.5)));
      queues.pump();
    },
    waitFor(lane) {
      const before = LANES.slice(0, LANES.indexOf(lane) + 1).reduce((sum, each) => sum + queues.waiting(each), 0);
      const behind = Math.max(0, before - Math.max(0, minute - MINUTE_FLOOR[lane]));
      return lacking(lane) + behind / MINUTE_PER_MS;
    },
    get spare() {
      refill();
      const quiet = queues.waiting('remove') + queues.waiting('make') === 0;
      return quiet && minute > MINUTE_BURST / 2 && hour > floor('look') + 200 ? 'plenty' : 'little';
    },
    get left() {
      return known ? { remaining: Math.max(0, Math.floor(hour)), limit } : undefined;
    },
  };
}

function count(header: string | string[] | undefined): number | undefined {
  const text = Array.isArray(header) ? header[0] : header;
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}
