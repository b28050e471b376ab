/** Gives a slot back. Calling it twice does nothing. */
export type GiveBack = () => void;

/** A counted resource with a fair queue. Those who wait go before those who only try. */
export class Slots {
  readonly limit: number;
  #busy = 0;
  #waiting: ((give: GiveBack) => void)[] = [];
  readonly #onFree: () => void;

  constructor(limit: number, onFree: () => void = () => {}) {
    this.limit = limit;
    this.#onFree = onFree;
  }

  get busy(): number {
    return this.#busy;
  }

  /** Whether `tryTake` would give one. */
  get free(): boolean {
    return this.#busy < this.limit && this.#waiting.length === 0;
  }

  tryTake(): GiveBack | undefined {
    return this.free ? this.#take() : undefined;
  }

  /** Resolves when a slot is ours; rejects with the signal's reason when it is aborted before. */
  take(signal: AbortSignal): Promise<GiveBack> {
    const now = this.tryTake();
    if (now !== undefined) return Promise.resolve(now);
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting = this.#waiting.filter((one) => one !== onTurn);
        reject(signal.reason);
      };
      const onTurn = (give: GiveBack): void => {
        signal.removeEventListener('abort', onAbort);
        resolve(give);
      };
      if (signal.aborted) return reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(onTurn);
    });
  }

  #take(): GiveBack {
    this.#busy++;
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.#busy--;
      const next = this.#waiting.shift();
      if (next === undefined) this.#onFree();
      else next(this.#take());
    };
  }
}
