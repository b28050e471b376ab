import type { Cancel, Clock } from '../../src/ports/clock.ts';

interface Timer {
  readonly at: number;
  readonly order: number;
  fn: (() => void) | undefined;
}

/** Time that passes only when told to. One for the whole world; every process sees it through a clock of its own. */
export class VirtualTime implements Clock {
  #elapsed = 0;
  #made = 0;
  readonly #start: number;
  readonly #heap: Timer[] = [];

  constructor(start = 1_700_000_000_000) {
    this.#start = start;
  }

  now(): number {
    return this.#start + this.#elapsed;
  }

  /** Timers that are still to fire. */
  get pending(): number {
    return this.#heap.filter((timer) => timer.fn !== undefined).length;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  after(ms: number, fn: () => void): Cancel {
    const timer: Timer = { at: this.#elapsed + Math.max(0, ms), order: this.#made++, fn };
    push(this.#heap, timer);
    return () => {
      timer.fn = undefined;
    };
  }

  /** Moves on to `ms` from now, running every timer that comes due at its own time; promises settle before each. */
  async advance(ms: number, until?: () => boolean): Promise<void> {
    const end = this.#elapsed + ms;
    for (;;) {
      await settle();
      if (until?.()) return;
      const next = this.#next(end);
      if (next === undefined) break;
      this.#elapsed = Math.max(this.#elapsed, next.at);
      next.fn?.();
    }
    this.#elapsed = end;
  }

  #next(end: number): Timer | undefined {
    for (;;) {
      const top = this.#heap[0];
      if (top === undefined || top.at > end) return undefined;
      pop(this.#heap);
      if (top.fn !== undefined) return top;
    }
  }
}

let settled = 0;

/**
 * Every promise that can go on without time passing has gone on when a macrotask gets its turn, or, without its system call, a tick that
 * a microtask asked for. But only between macrotasks does Node look for rejections that nobody handles, so now and then it has to be one.
 */
async function settle(): Promise<void> {
  // Outside of microtasks a tick comes before them all.
  await Promise.resolve();
  await new Promise((resolve) => (settled++ % 8 === 0 ? setImmediate(resolve) : process.nextTick(resolve)));
}

function before(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function push(heap: Timer[], timer: Timer): void {
  let index = heap.push(timer) - 1;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = heap[parent];
    if (above === undefined || !before(timer, above)) break;
    heap[index] = above;
    index = parent;
  }
  heap[index] = timer;
}

function pop(heap: Timer[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let index = 0;
  for (;;) {
    const left = heap[2 * index + 1];
    const right = heap[2 * index + 2];
    const child = right !== undefined && left !== undefined && before(right, left) ? 2 * index + 2 : 2 * index + 1;
    const below = heap[child];
    if (below === undefined || !before(below, last)) break;
    heap[index] = below;
    index = child;
  }
  heap[index] = last;
}
