import type { Clock } from '../ports/clock.ts';

/** Beyond this, what the wall clock says about deadlines proves nothing. */
const WRONG_MS = 60_000;

/**
 * Knows whether the wall clock can be believed. It can while the platform, which refuses a clock that is minutes off, has accepted
 * a request of ours, and the clock has only ticked since then: a step of it shows against the monotonic clock at once.
 */
export class ClockWatch {
  readonly #clock: Clock;
  readonly #skewMs: () => number | undefined;
  #confirmed: number | undefined;

  constructor(clock: Clock, skewMs: () => number | undefined = () => undefined) {
    this.#clock = clock;
    this.#skewMs = skewMs;
  }

  /** Taken before a request, and handed to `confirm` once the platform has accepted it. */
  moment(): number {
    return this.#offset();
  }

  /** The platform has accepted a request of ours that was signed at this moment. */
  confirm(moment: number): void {
    this.#confirmed = moment;
  }

  get trusted(): boolean {
    if (this.#confirmed === undefined) return false;
    return Math.abs(this.#offset() - this.#confirmed) < WRONG_MS && Math.abs(this.#skewMs() ?? 0) < WRONG_MS;
  }

  #offset(): number {
    return this.#clock.now() - this.#clock.monotonic();
  }
}
