type Listener = (event: { readonly type: 'abort' }) => void;

/** More than this at once on one signal is a leak; the agent's own loops have some dozens of machines to look at. */
const MOST_LISTENERS = 2_000;

/** What the daemon uses of an AbortSignal, and nothing else of it. */
class LightSignal {
  aborted = false;
  reason: unknown = undefined;
  #listeners: Set<Listener> | undefined;

  addEventListener(_type: 'abort', listener: Listener): void {
    this.#listeners ??= new Set();
    this.#listeners.add(listener);
    if (this.#listeners.size > MOST_LISTENERS) throw new Error(`${this.#listeners.size} wait for one AbortSignal`);
  }

  removeEventListener(_type: 'abort', listener: Listener): void {
    this.#listeners?.delete(listener);
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  /** `events.setMaxListeners` calls it. */
  setMaxListeners(): void {}

  abort(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason ?? new DOMException('This operation was aborted', 'AbortError');
    for (const listener of this.#listeners ?? []) listener({ type: 'abort' });
    this.#listeners = undefined;
  }
}

/** An AbortController as far as the daemon uses one. */
export class LightController {
  readonly signal = new LightSignal();

  abort(reason?: unknown): void {
    this.signal.abort(reason);
  }
}

/**
 * Puts a lighter AbortController in the place of Node's for this thread: every call of the agent makes one or two, and Node 20's cost
 * more than what they guard does in a story. The tests of the simulation keep Node's own.
 */
export function abortLightly(): void {
  Object.assign(globalThis, { AbortController: LightController });
}
