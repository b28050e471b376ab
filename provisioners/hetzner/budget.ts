import { createLaneQueues, LANES, type Lane } from '../../src/provisioner/cloud/lanes.ts';
import { type Clock, jitter, type Random } from '../../src/provisioner/index.ts';
import type { HetznerResponse } from './transport.ts';

/** Given back when the answer is there, with its headers, or without where there was none. */
export type Done = (headers?: HetznerResponse['headers']) => void;

/**
 * The project's share of API requests, mirrored: the API has a bucket for each project that refills evenly and that the
 * owner's other tools empty too, and tells with each answer what is left. A request waits here until enough is left for its
 * lane, so that 429 stays the exception.
 */
export interface Budget {
  /** Resolves when the request may be sent; rejects with the signal's reason. */
  take(lane: Lane, signal: AbortSignal): Promise<Done>;
  /** The API said 429: everybody waits a little. It never says how long; `RateLimit-Reset` is when the bucket is full again. */
  refused(headers: HetznerResponse['headers']): void;
  /** How long a request of this lane would wait now, in ms, as far as can be foreseen. */
  waitFor(lane: Lane): number;
  /** The pause between two rounds of polling in this lane, of `calls` requests each, that leaves enough for what is waiting, in ms. */
  pace(lane: Lane, calls: number): number;
  /** As far as known; undefined before the first answer. */
  readonly left: { readonly remaining: number; readonly limit: number } | undefined;
}

/** What is believed before the API has told: its bucket allows bursts, but somebody else may just have emptied it. */
const FIRST_BURST = 50;
/** 3600 requests an hour, one each second. */
const DEFAULT_LIMIT = 3600;

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
  let tokens = FIRST_BURST;
  let known = false;
  let at = clock.monotonic();
  let inFlight = 0;
  let pausedUntil = -Infinity;

  const perMs = (): number => limit / 3_600_000;

  /** A small bucket is not reserved away. Until the API has told what is left, the first burst may be used up. */
  function floor(lane: Lane): number {
    if (lane === 'remove' || !known) return 0;
    const share = lane === 'look' ? 2 : 1;
    return Math.min(reserve * share, (limit / 4) * share);
  }

  function refill(): void {
    const now = clock.monotonic();
    tokens = Math.min(limit, tokens + (now - at) * perMs());
    at = now;
  }

  function lacking(lane: Lane): number {
    refill();
    const pause = Math.max(0, pausedUntil - at);
    return Math.max(pause, Math.max(0, floor(lane) + 1 - tokens) / perMs());
  }

  function learn(headers: HetznerResponse['headers']): void {
    const said = { limit: count(headers['ratelimit-limit']), remaining: count(headers['ratelimit-remaining']) };
    if (said.limit !== undefined && said.limit > 0) limit = said.limit;
    if (said.remaining === undefined) return;
    refill();
    known = true;
    // What is under way may or may not be counted in it yet: assume that it is not.
    tokens = Math.min(limit, said.remaining - inFlight);
  }

  const queues = createLaneQueues({
    clock,
    lacking,
    spend() {
      tokens -= 1;
      inFlight += 1;
    },
  });

  function done(headers?: HetznerResponse['headers']): void {
    inFlight -= 1;
    if (headers !== undefined) learn(headers);
    queues.pump();
  }

  return {
    async take(lane, signal) {
      await queues.turn(lane, signal);
      return done;
    },
    refused(headers) {
      learn(headers);
      refill();
      tokens = Math.min(tokens, 0);
      pausedUntil = Math.max(pausedUntil, at + jitter(random, 3_000, 0.5));
      queues.pump();
    },
    waitFor(lane) {
      const before = LANES.slice(0, LANES.indexOf(lane) + 1).reduce((sum, each) => sum + queues.waiting(each), 0);
      return lacking(lane) + Math.max(0, before - Math.max(0, tokens - floor(lane))) / perMs();
    },
    pace(lane, calls) {
      refill();
      const spare = tokens - floor(lane);
      if (spare > 100 * calls) return 0;
      const waiting = queues.waiting('remove') + queues.waiting('make') > 0;
      return (calls * (waiting ? 10 : 2)) / perMs();
    },
    get left() {
      refill();
      return known ? { remaining: Math.max(0, Math.floor(tokens)), limit } : undefined;
    },
  };
}

function count(header: string | string[] | undefined): number | undefined {
  const text = Array.isArray(header) ? header[0] : header;
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
