import { type Cancel, type Clock, jitter, type Random } from '../../src/provisioner/index.ts';

/**
 * Who asks. Removing comes first: a machine that cannot be deleted costs money. Making comes next. Looking gives way to both.
 */
export type Lane = 'remove' | 'make' | 'look';

/**
 * A token bucket for one endpoint. Vultr counts requests by the address that they come from, whatever key they carry, allows 30
 * a second, and never tells how many are left.
 */
export interface Budget {
  /** Resolves when the request may be sent; rejects with the signal's reason. */
  take(lane: Lane, signal: AbortSignal): Promise<void>;
  /** The API said 429: everybody waits a little. It never says how long. */
  refused(): void;
}

const LANES: readonly Lane[] = ['remove', 'make', 'look'];

/** In any second at most twice `perSecond` requests leave: a full bucket, and what is refilled meanwhile. */
export function createBudget({
  clock,
  random,
  perSecond,
}: {
  clock: Clock;
  random: Random;
  perSecond: number;
}): Budget {
  const queues: Record<Lane, Set<() => void>> = { remove: new Set(), make: new Set(), look: new Set() };
  let tokens = perSecond;
  let at = clock.monotonic();
  let pausedUntil = -Infinity;
  let timer: Cancel | undefined;

  /** ms until one more request may be sent. */
  function lacking(): number {
    const now = clock.monotonic();
    tokens = Math.min(perSecond, tokens + ((now - at) * perSecond) / 1_000);
    at = now;
    return Math.max(0, pausedUntil - now, ((1 - tokens) * 1_000) / perSecond);
  }

  function pump(): void {
    timer?.();
    timer = undefined;
    for (const lane of LANES) {
      for (const go of queues[lane]) {
        const wait = lacking();
        // Rounding in the sum must not cost another turn of the timer.
        if (wait > 1e-6) {
          timer = clock.after(Math.ceil(wait), pump);
          return;
        }
        queues[lane].delete(go);
        tokens -= 1;
        go();
      }
    }
  }

  return {
    take(lane, signal) {
      return new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        const onAbort = (): void => {
          queues[lane].delete(go);
          reject(signal.reason);
        };
        const go = (): void => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        };
        signal.addEventListener('abort', onAbort, { once: true });
        queues[lane].add(go);
        pump();
      });
    },
    refused() {
      lacking();
      tokens = Math.min(tokens, 0);
      pausedUntil = Math.max(pausedUntil, at + jitter(random, 2_000, 0.5));
      pump();
    },
  };
}
