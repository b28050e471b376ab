import { setMaxListeners } from 'node:events';
import { systemClock } from '../../src/ports/clock.ts';
import { DemoFailure } from './failure.ts';

/** Whoever watches did not want to see the rest. */
export class Interrupted extends DemoFailure {}

/** Whatever keeps the story from going on: an interruption, an agent that ended, a contract that failed, patience that ran out. */
export class Trouble {
  readonly #controller = new AbortController();

  constructor() {
    // Each contract is waited for by itself.
    setMaxListeners(0, this.signal);
  }

  /** Aborted with the reason, to be thrown. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The first trouble counts. */
  raise(reason: unknown): void {
    this.#controller.abort(reason);
  }

  /** Returns how to make the signal mean nothing again. */
  interruptedBy(signal: AbortSignal): () => void {
    const raise = (): void => this.raise(new Interrupted('interrupted'));
    if (signal.aborted) raise();
    signal.addEventListener('abort', raise, { once: true });
    return () => signal.removeEventListener('abort', raise);
  }

  /** Waits for something that has to come about within some time. `state` tells how things stand when it does not. */
  async within<T>(
    ms: number,
    what: string,
    wait: (signal: AbortSignal) => Promise<T>,
    state: () => string[],
  ): Promise<T> {
    const cancel = systemClock.after(ms, () => {
      this.raise(new DemoFailure(`${what} took longer than ${Math.round(ms / 1000)} s`, { details: state() }));
    });
    try {
      return await wait(this.signal);
    } finally {
      cancel();
    }
  }
}
