import type { Clock } from '../ports/clock.ts';

/** For tests: time that passes only when told to. Due timers run in order of their time, then of their making. */
export interface VirtualClock extends Clock {
  /** Moves time on, running every timer that comes due at its own time; promises settle in between. */
  advance(ms: number): Promise<void>;
}

export function createVirtualClock(start = 1_700_000_000_000): VirtualClock {
  let elapsed = 0;
  let made = 0;
  const timers = new Map<number, { at: number; fn: () => void }>();
  return {
    now: () => start + elapsed,
    monotonic: () => elapsed,
    after(ms, fn) {
      const id = made++;
      timers.set(id, { at: elapsed + Math.max(0, ms), fn });
      return () => timers.delete(id);
    },
    async advance(ms) {
      const end = elapsed + ms;
      for (;;) {
        await settle();
        const [next] = [...timers].filter(([, { at }]) => at <= end).sort((a, b) => a[1].at - b[1].at || a[0] - b[0]);
        if (!next) break;
        timers.delete(next[0]);
        elapsed = Math.max(elapsed, next[1].at);
        next[1].fn();
      }
      elapsed = end;
      await settle();
    },
  };
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
