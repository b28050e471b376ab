import type { Clock } from '../../src/provisioner/index.ts';
import { refuseAborted, untilAborted } from './cancel.ts';
import type { Asking } from './client.ts';

/** Looks that come within this time are put together. */
export const GATHER_MS = 15;

/**
 * One look for all who ask at the same moment. It begins after the last of them has asked, so that it shows what each of them
 * has done before.
 */
export function gathered<T>(
  clock: Clock,
  closing: AbortSignal,
  doing: string,
  look: (asking: Asking) => Promise<T>,
): (asking: Asking) => Promise<T> {
  const next = new Map<Asking['lane'], Promise<T>>();
  return async ({ lane, signal }) => {
    refuseAborted(signal, doing);
    const value =
      next.get(lane) ??
      new Promise<T>((resolve, reject) => {
        clock.after(GATHER_MS, () => {
          next.delete(lane);
          look({ lane, signal: closing }).then(resolve, reject);
        });
      });
    next.set(lane, value);
    return untilAborted(value, signal, doing);
  };
}
