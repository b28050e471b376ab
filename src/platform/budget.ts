import type { Clock } from '../ports/clock.ts';
import { PlatformError } from './api.ts';

/** Reads (GET) and writes (everything else) are counted apart. */
export type Tier = 'read' | 'write';

/** `heartbeat` goes first and has a reserve; `report` (locks, status reports, work list) comes before `routine` (health, lists). */
export type Priority = 'heartbeat' | 'report' | 'routine';

/**
 * Keeps this process inside the platform's rate limit, which counts per peer address and tier in windows of 60 s. One budget is
 * shared by every lane and client that speaks to the same platform from this host.
 */
export interface RateBudget {
  /**
   * Resolves when a request may be sent; what it took is spent. Rejects with the signal's reason when it is aborted, and with a
   * `throttled` PlatformError as soon as it is certain (or has turned out) that it would wait longer than `maxWaitMs`.
   */
  take(tier: Tier, priority: Priority, signal?: AbortSignal, maxWaitMs?: number): Promise<void>;
  /** The platform answered 429: nothing of this tier is sent for so long, and heartbeats for two minutes of it at most. */
  throttled(tier: Tier, retryAfterMs: number): void;
  /** Milliseconds until a request of this kind could be sent if nobody else wants to; 0 when at once. */
  waitMs(tier: Tier, priority: Priority): number;
}

export interface BudgetOptions {
  readonly clock: Clock;
  /** Requests per minute, 1 or more; `Infinity` for a platform that has no limit. The platform's own figure where left out. */
  readonly limits?: { readonly [tier in Tier]?: number | undefined };
}

const LIMITS: Readonly<Record<Tier, number>> = { read: 120, write: 60 };
/** A second more than the platform's window: two requests 60 s apart here may arrive less than 60 s apart there. */
const WINDOW_MS = 61_000;
/** The share of a tier that is out of reach for a priority. A heartbeat a minute, with a repeat or two, needs few. */
const WITHHELD: Readonly<Record<Priority, number>> = { heartbeat: 0, report: 1 / 15, routine: 1 / 4 };
/** The platform calls an agent offline, and its offerings with it, after 5 minutes without a heartbeat, throttled or not. */
const LONGEST_SILENCE_MS = 120_000;
const RANK: readonly Priority[] = ['heartbeat', 'report', 'routine'];

/**
 * A budget that remembers when each request of the last window was sent. That allows the whole limit as one burst, and still never
 * exceeds it in any window of the platform, wherever that begins; a bucket that refills steadily can do only one of the two.
 */
export function createBudget({ clock, limits = {} }: BudgetOptions): RateBudget {
  const lane = (tier: Tier) => createLane(clock, checked(tier, limits[tier] ?? LIMITS[tier]));
  const lanes = { read: lane('read'), write: lane('write') };
  return {
    take: (tier, priority, signal, maxWaitMs) => lanes[tier].take(priority, signal, maxWaitMs),
    throttled: (tier, retryAfterMs) => lanes[tier].block(retryAfterMs),
    waitMs: (tier, priority) => lanes[tier].waitMs(priority),
  };
}

/** For platforms without a rate limit: only a 429 of theirs holds requests back. */
export function createUnlimitedBudget(clock: Clock): RateBudget {
  const unlimited = Number.POSITIVE_INFINITY;
  return createBudget({ clock, limits: { read: unlimited, write: unlimited } });
}

function checked(tier: Tier, limit: number): number {
  if (limit >= 1 && (Number.isInteger(limit) || limit === Number.POSITIVE_INFINITY)) return limit;
  throw new TypeError(`expected a whole number of ${tier}s per minute from 1 on, got ${limit}`);
}

interface Waiter {
  readonly priority: Priority;
  go(): void;
}

function createLane(clock: Clock, limit: number) {
  /** Send times within the window, oldest first. Empty for ever when there is no limit. */
  const sent: number[] = [];
  const queues: Record<Priority, Set<Waiter>> = { heartbeat: new Set(), report: new Set(), routine: new Set() };
  const ceilings = { heartbeat: limit, report: ceilingOf(limit, 'report'), routine: ceilingOf(limit, 'routine') };
  const blockedUntil = { heartbeat: Number.NEGATIVE_INFINITY, others: Number.NEGATIVE_INFINITY };
  let cancelWake = (): void => {};

  function waitMs(priority: Priority): number {
    const now = clock.monotonic();
    while (sent[0] !== undefined && sent[0] + WINDOW_MS <= now) sent.shift();
    const inTheWay = sent[sent.length - ceilings[priority]];
    const free = inTheWay === undefined ? now : inTheWay + WINDOW_MS;
    return Math.max(0, free - now, blockedUntil[priority === 'heartbeat' ? 'heartbeat' : 'others'] - now);
  }

  /** A lower priority never has more room than a higher one, so only the first waiter needs a look. */
  function pump(): void {
    cancelWake();
    cancelWake = () => {};
    for (let waiter = first(); waiter; waiter = first()) {
      const wait = waitMs(waiter.priority);
      if (wait > 0) {
        cancelWake = clock.after(wait, pump);
        return;
      }
      queues[waiter.priority].delete(waiter);
      if (Number.isFinite(limit)) sent.push(clock.monotonic());
      waiter.go();
    }
  }

  function first(): Waiter | undefined {
    for (const priority of RANK) for (const waiter of queues[priority]) return waiter;
    return undefined;
  }

  function take(priority: Priority, signal?: AbortSignal, maxWaitMs = Number.POSITIVE_INFINITY): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const needed = waitMs(priority);
      if (needed > maxWaitMs) return reject(tooLong(needed));
      // Nearly always: there is room, and nobody waits.
      if (needed === 0 && first() === undefined) {
        if (Number.isFinite(limit)) sent.push(clock.monotonic());
        return resolve();
      }
      const leave = (): void => {
        queues[priority].delete(waiter);
        cancelDeadline();
        signal?.removeEventListener('abort', onAbort);
      };
      const onAbort = (): void => {
        leave();
        reject(signal?.reason);
        pump();
      };
      const onDeadline = (): void => {
        leave();
        reject(tooLong(waitMs(priority)));
        pump();
      };
      const waiter: Waiter = {
        priority,
        go() {
          leave();
          resolve();
        },
      };
      const cancelDeadline = Number.isFinite(maxWaitMs) ? clock.after(maxWaitMs, onDeadline) : () => {};
      signal?.addEventListener('abort', onAbort, { once: true });
      queues[priority].add(waiter);
      pump();
    });
  }

  function block(ms: number): void {
    const now = clock.monotonic();
    blockedUntil.others = Math.max(blockedUntil.others, now + ms);
    blockedUntil.heartbeat = Math.max(blockedUntil.heartbeat, now + Math.min(ms, LONGEST_SILENCE_MS));
    pump();
  }

  return { take, block, waitMs };
}

/** At least 1, or a tiny limit would shut a priority out for ever. */
function ceilingOf(limit: number, priority: Priority): number {
  return Number.isFinite(limit) ? Math.max(1, limit - Math.round(limit * WITHHELD[priority])) : limit;
}

function tooLong(waitMs: number): PlatformError {
  return new PlatformError('throttled', 'the rate budget is spent', { retryAfterMs: waitMs });
}
