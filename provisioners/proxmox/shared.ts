import { type Clock, ProvisionerError } from '../../src/provisioner/index.ts';

export interface Asking<T> {
  readonly ask: () => Promise<T>;
  readonly signal: AbortSignal;
}

/** Answers that several askers share, by key. Failures are not kept. */
export interface Shared<T> {
  /** Asks now; who wants a recent answer meanwhile waits for this one. */
  fresh(key: string, asking: Asking<T>): Promise<T>;
  /** An answer that is at most so old, or the one that somebody is waiting for already, else a fresh one. */
  recent(key: string, maxAgeMs: number, asking: Asking<T>): Promise<T>;
}

/** Many creates at once, and all that looks at the cluster in one cycle, ask the host once. */
export function createShared<T>(clock: Clock): Shared<T> {
  const values = new Map<string, { readonly value: T; readonly at: number }>();
  const underway = new Map<string, { readonly answer: Promise<T>; readonly signal: AbortSignal }>();

  async function fresh(key: string, { ask, signal }: Asking<T>): Promise<T> {
    const at = clock.monotonic();
    const answer = ask();
    const mine = { answer, signal };
    underway.set(key, mine);
    try {
      const value = await answer;
      values.set(key, { value, at });
      return value;
    } finally {
      if (underway.get(key) === mine) underway.delete(key);
    }
  }

  return {
    fresh,
    async recent(key, maxAgeMs, asking) {
      const { signal } = asking;
      for (;;) {
        const known = values.get(key);
        if (known !== undefined && clock.monotonic() - known.at < maxAgeMs) return known.value;
        const other = underway.get(key);
        if (other === undefined) return fresh(key, asking);
        try {
          return await untilAborted(other.answer, signal);
        } catch (error) {
          // Who asked has given up, which is no answer to anybody else.
          if (signal.aborted || !other.signal.aborted) throw error;
          if (underway.get(key) === other) underway.delete(key);
        }
      }
    },
  };
}

/** The answer, or the end of who waits for it. */
function untilAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void =>
      reject(new ProvisionerError('retry', 'Cancelled while waiting for Proxmox', { cause: signal.reason }));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
