import type { Clock } from '../../src/ports/clock.ts';

export type Verdict = { readonly allowed: true } | { readonly allowed: false; readonly retryAfterS?: number };

export interface RateLimit {
  /** Counts one request; refused ones count as well for the minute, as far as is known. */
  take(): Verdict;
  /** Somebody else with the same token made `count` requests. */
  spend(count: number): void;
  /** `RateLimit-Reset` is when the oldest counted request expires. */
  headers(): Readonly<Record<string, string>>;
}

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** Two sliding windows: each request counts for a whole hour, and for a whole minute. Only the minute's refusal says how long. */
export function createRateLimit(
  clock: Clock,
  { requestsPerHour, requestsPerMinute }: { requestsPerHour: number; requestsPerMinute: number },
): RateLimit {
  const made: number[] = [];

  function forget(now: number): void {
    while ((made[0] ?? now) <= now - HOUR_MS) made.shift();
  }

  function inLast(ms: number, now: number): number {
    let count = 0;
    for (let at = made.length - 1; at >= 0 && (made[at] ?? 0) > now - ms; at--) count++;
    return count;
  }

  return {
    take() {
      const now = clock.monotonic();
      forget(now);
      if (made.length >= requestsPerHour) return { allowed: false };
      if (inLast(MINUTE_MS, now) >= requestsPerMinute) {
        const frees = (made[made.length - requestsPerMinute] ?? now) + MINUTE_MS;
        return { allowed: false, retryAfterS: Math.max(1, Math.ceil((frees - now) / 1_000)) };
      }
      made.push(now);
      return { allowed: true };
    },
    spend(count) {
      const now = clock.monotonic();
      // Spread over the last quarter of an hour, as tools do.
      for (let each = 0; each < count; each++) made.push(now - MINUTE_MS - (each % 900) * 1_000);
      made.sort((a, b) => a - b);
    },
    headers() {
      const now = clock.monotonic();
      forget(now);
      const oldest = made[0] ?? now;
      return {
        'ratelimit-limit': String(requestsPerHour),
        'ratelimit-remaining': String(Math.max(0, requestsPerHour - made.length)),
        'ratelimit-reset': String(Math.ceil((clock.now() + oldest + HOUR_MS - now) / 1_000)),
      };
    },
  };
}
