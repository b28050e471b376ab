import type { Cancel, Clock } from '../../src/ports/clock.ts';

/** A clock that can be told to move. Every timer that falls due on the way fires, in order, at its own time. */
export interface MovableClock extends Clock {
  advance(ms: number): void;
}

/** Stands still between two calls of `advance`. */
export function manualClock(start = 1_767_225_600_000): MovableClock {
  let now = start;
  let serial = 0;
  const timers = new Map<number, { at: number; fn: () => void }>();
  return {
    now: () => now,
    monotonic: () => now - start,
    after(ms, fn): Cancel {
      const id = serial++;
      timers.set(id, { at: now + Math.max(0, ms), fn });
      return () => void timers.delete(id);
    },
    advance(ms) {
      const until = now + ms;
      for (;;) {
        const due = earliest(timers, until);
        if (!due) break;
        timers.delete(due.id);
        now = Math.max(now, due.at);
        due.fn();
      }
      now = until;
    },
  };
}

/** Runs along with another clock, ahead of it by everything it was advanced. */
export function shiftedClock(base: Clock): MovableClock {
  let ahead = 0;
  let serial = 0;
  const timers = new Map<number, { at: number; fn: () => void; cancel: Cancel }>();
  const monotonic = (): number => base.monotonic() + ahead;

  function arm(id: number, at: number, fn: () => void): void {
    const fire = (): void => {
      timers.delete(id);
      fn();
    };
    timers.set(id, { at, fn, cancel: base.after(Math.max(0, at - monotonic()), fire) });
  }

  return {
    now: () => base.now() + ahead,
    monotonic,
    after(ms, fn) {
      const id = serial++;
      arm(id, monotonic() + Math.max(0, ms), fn);
      return () => {
        timers.get(id)?.cancel();
        timers.delete(id);
      };
    },
    advance(ms) {
      const until = ahead + ms;
      for (;;) {
        const due = earliest(timers, base.monotonic() + until);
        if (!due) break;
        timers.delete(due.id);
        due.cancel();
        ahead = Math.max(ahead, Math.min(until, due.at - base.monotonic()));
        due.fn();
      }
      ahead = until;
      // What is left falls due sooner on the base clock than it was armed for.
      for (const [id, { at, fn, cancel }] of timers) {
        cancel();
        arm(id, at, fn);
      }
    },
  };
}

function earliest<T extends { readonly at: number }>(
  timers: ReadonlyMap<number, T>,
  until: number,
): (T & { readonly id: number }) | undefined {
  let first: (T & { readonly id: number }) | undefined;
  for (const [id, timer] of timers) {
    if (timer.at <= until && (!first || timer.at < first.at)) first = { ...timer, id };
  }
  return first;
}
