import type { Clock } from '../../src/ports/clock.ts';

export interface RateLimit {
  /** Takes one request out of the budget; false when there is none left. */
  take(): boolean;
  /** Somebody else with the same token made `count` requests. */
  spend(count: number): void;
  /** `RateLimit-Reset` is when the bucket is full again, not when the next request may come. */
  headers(): Readonly<Record<string, string>>;
}

/** A bucket of `perHour` requests that fills up evenly within an hour. */
export function createRateLimit(clock: Clock, perHour: number): RateLimit {
  const perMs = perHour / 3_600_000;
  let level = perHour;
  let at = clock.monotonic();

  function refill(): void {
    const now = clock.monotonic();
    level = Math.min(perHour, level + (now - at) * perMs);
    at = now;
  }

  return {
    take() {
      refill();
      // Rounding in the sum must not cost a caller who waited exactly long enough.
      if (level < 1 - 1e-6) return false;
      level -= 1;
      return true;
    },
    spend(count) {
      refill();
      level = Math.max(0, level - count);
    },
    headers() {
      refill();
      return {
        'ratelimit-limit': String(perHour),
        'ratelimit-remaining': String(Math.floor(Math.max(0, level) + 1e-6)),
        'ratelimit-reset': String(Math.ceil((clock.now() + (perHour - level) / perMs) / 1_000)),
      };
    },
  };
}
