/** Undoes a timer. Calling it twice, or after the timer fired, does nothing. */
export type Cancel = () => void;

/** Time is handed in, so that the same daemon runs under a virtual clock. All values are milliseconds. */
export interface Clock {
  /** Wall-clock time since the Unix epoch. May jump. */
  now(): number;
  /** Never jumps, never goes back; its origin means nothing. Use it for intervals and deadlines. */
  monotonic(): number;
  /** Runs `fn` once, after `ms`. */
  after(ms: number, fn: () => void): Cancel;
}

/** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, fn) {
    // Node turns a delay above 2^31-1 ms into 1 ms; a day is long enough for every caller to look again.
    const timer = setTimeout(fn, Math.min(Math.max(0, ms), 86_400_000));
    return () => clearTimeout(timer);
  },
};
