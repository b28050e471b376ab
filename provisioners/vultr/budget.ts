import { createLaneQueues, type Lane } from '../../src/provisioner/cloud/lanes.ts';
import { type Clock, jitter, type Random } from '../../src/provisioner/index.ts';

/**
 * A token bucket for one endpoint. Vultr counts requests by the address that they come from, whatever key they carry, allows 30
 * a second, and never tells how many are left.
 */
export interface Budget {
  /** Resolves when the request may be sent; rejects with the signal's reason. */
  take(lane: Lane, signal: AbortSignal): Promise<void>;
  /** The API said 429: everybody waits a little. It never says how long. */
  refused(): void;
}

/** In any second at most twice `perSecond` requests leave: a full bucket, and what is refilled meanwhile. */
export function createBudget({
  clock,
  random,
  perSecond,
}: {
  clock: Clock;
  random: Random;
  perSecond: number;
}): Budget {
  let tokens = perSecond;
  let at = clock.monotonic();
  let pausedUntil = -Infinity;
  const queues = createLaneQueues({
    clock,
    lacking,
    spend() {
      tokens -= 1;
    },
  });

  function refill(): void {
    const now = clock.monotonic();
    tokens = Math.min(perSecond, tokens + ((now - at) * perSecond) / 1_000);
    at = now;
  }

  function lacking(): number {
    refill();
    const wait = Math.max(0, pausedUntil - at, ((1 - tokens) * 1_000) / perSecond);
    // Rounding in the sum must not cost another turn of the timer.
    return wait > 1e-6 ? wait : 0;
  }

  return {
    take: queues.turn,
    refused() {
      refill();
      tokens = Math.min(tokens, 0);
      pausedUntil = Math.max(pausedUntil, at + jitter(random, 2_000, 0.5));
      queues.pump();
    },
  };
}
