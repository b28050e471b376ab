import type { Clock } from '../../src/ports/clock.ts';

/** Counts requests of one address in the second that ends now. Refused ones count too. */
export function createRateLimit(clock: Clock, perSecond: number): { take(): boolean } {
  let seen: number[] = [];
  return {
    take() {
      const now = clock.monotonic();
      seen = seen.filter((at) => now - at < 1_000);
      seen.push(now);
      return seen.length <= perSecond;
    },
  };
}
