import { systemClock } from '../../../src/ports/clock.ts';

/** Files and processes do not announce their changes. */
const LOOK_AGAIN_MS = 100;
/** A burst of changes is worth one look. */
const BURST_MS = 20;

/** Waits for conditions, which are looked at again after every beat and every now and then. */
export class Pulse {
  readonly #waiting = new Set<() => void>();
  readonly #patienceMs: number;
  #burst = false;

  /** `patienceMs` is how long anything may take that has to come about; generous, because it only bounds a test that fails. */
  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** Something has happened that a condition may depend on. */
  beat(): void {
    if (this.#burst) return;
    this.#burst = true;
    systemClock.after(BURST_MS, () => {
      this.#burst = false;
      for (const wake of this.#waiting) wake();
    });
  }

  /** Resolves with the first value that is neither false nor undefined; afterwards it is an error that tells how things stand. */
  async until<T>(
    what: string,
    look: () => T | Promise<T>,
    tell: () => string | Promise<string> = () => '',
  ): Promise<Exclude<T, false | undefined>> {
    const deadline = systemClock.monotonic() + this.#patienceMs;
    for (;;) {
      const value = await look();
      if (value !== false && value !== undefined) return value as Exclude<T, false | undefined>;
      if (systemClock.monotonic() > deadline) throw new Error(`never came about: ${what}\n${await tell()}`);
      await this.#next();
    }
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        this.#waiting.delete(wake);
        resolve();
      };
      const cancel = systemClock.after(LOOK_AGAIN_MS, wake);
      this.#waiting.add(wake);
    });
  }
}
