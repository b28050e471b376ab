import type { Cancel, Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import { backoff, jitter, type Random } from '../ports/random.ts';

export interface LoopOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** ms from the end of one pass to the beginning of the next; asked before each wait. */
  readonly interval: () => number;
  /** One pass. A rejection is logged, and makes the waits longer until a pass succeeds. */
  readonly pass: (signal: AbortSignal) => Promise<void>;
  /** How long the other side asked us to stay away after this failure, in ms. */
  readonly retryAfter?: (error: unknown) => number | undefined;
  readonly onOutcome?: (error: unknown) => void;
}

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;

/** A pass, a wait with jitter, a pass: never two at a time, missed turns are skipped, waking early is possible. */
export class Loop {
  readonly #options: LoopOptions;
  readonly #abort = new AbortController();
  #cancel: Cancel | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #failures = 0;
  #lastEndedAt: number;

  constructor(options: LoopOptions) {
    this.#options = options;
    this.#lastEndedAt = options.clock.monotonic();
  }

  /** Monotonic ms of the last pass's end, or of the start. */
  get lastEndedAt(): number {
    return this.#lastEndedAt;
  }

  get failures(): number {
    return this.#failures;
  }

  start(): void {
    this.#begin();
  }

  /** Runs a pass now, or right after the one that is running. Does nothing while the other side wants to be left alone. */
  wake(): void {
    if (this.#abort.signal.aborted || this.#failures > 0) return;
    if (this.#running !== undefined) this.#again = true;
    else this.#begin();
  }

  /** No pass begins after this; resolves when the running one has ended. */
  async stop(reason: Error): Promise<void> {
    this.#abort.abort(reason);
    this.#cancel?.();
    await this.#running;
  }

  #begin(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#again = false;
    this.#running = this.#pass().finally(() => {
      this.#running = undefined;
      this.#lastEndedAt = this.#options.clock.monotonic();
      if (this.#abort.signal.aborted) return;
      if (this.#again && this.#failures === 0) this.#begin();
    });
  }

  async #pass(): Promise<void> {
    const { clock, random, log, name, interval, pass, retryAfter, onOutcome } = this.#options;
    let wait: number;
    try {
      await pass(this.#abort.signal);
      this.#failures = 0;
      onOutcome?.(undefined);
      wait = jitter(random, interval(), 0.25);
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#failures++;
      onOutcome?.(error);
      const fields = { loop: name, failures: this.#failures, error };
      // An outage of an hour is one warning and then a line every few minutes, not one per attempt.
      if (this.#failures === 1 || this.#failures % 10 === 0) log.warn(fields, 'pass failed, it is tried again');
      else log.debug(fields, 'pass failed, it is tried again');
      wait = Math.max(
        backoff(random, this.#failures, FIRST_RETRY_MS, LONGEST_RETRY_MS),
        interval() * 0.75,
        later(random, retryAfter?.(error) ?? 0),
      );
    }
    if (!this.#abort.signal.aborted) this.#cancel = clock.after(wait, () => this.#begin());
  }
}

/** Not before what was asked for, and a little later by chance: where maintenance was announced, everybody was told the same moment. */
function later(random: Random, askedMs: number): number {
  return askedMs + random.float() * Math.min(LONGEST_RETRY_MS, askedMs / 2);
}
