import type { Cancel, Clock } from '../../src/ports/clock.ts';

const TICK_MS = 5;

/**
 * Virtual time for tens of thousands of timers: everything that falls into the same five milliseconds happens at once, and what
 * it promised settles before the next five. Too coarse for races, fine for rates.
 */
export class FleetTime implements Clock {
  #tick = 0;
  readonly #due = new Map<number, (() => void)[]>();

  now(): number {
    return 1_700_000_000_000 + this.monotonic();
  }

  monotonic(): number {
    return this.#tick * TICK_MS;
  }

  after(ms: number, fn: () => void): Cancel {
    let live = true;
    const tick = this.#tick + Math.max(1, Math.ceil(ms / TICK_MS));
    const run = (): void => {
      if (live) fn();
    };
    const bucket = this.#due.get(tick);
    if (bucket === undefined) this.#due.set(tick, [run]);
    else bucket.push(run);
    return () => {
      live = false;
    };
  }

  async advance(ms: number): Promise<void> {
    const end = this.#tick + Math.ceil(ms / TICK_MS);
    while (this.#tick < end) {
      const due = this.#due.get(++this.#tick);
      if (due === undefined) continue;
      this.#due.delete(this.#tick);
      for (const run of due) run();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
