import type { Clock } from '../../ports/clock.ts';
import { refuseAborted, untilAborted } from './cancel.ts';

/** Looks that come within this time are put together. */
export const GATHER_MS = 15;

/** Who asks, how urgently, and until when. */
interface Asking<Lane extends string> {
  readonly lane: Lane;
  readonly signal: AbortSignal;
}

/**
 * One look for all who ask at the same moment. It begins after the last of them has asked, so that it shows what each of them
 * has done before.
 */
export function gathered<T, Lane extends string>(
  clock: Clock,
  closing: AbortSignal,
  doing: string,
  look: (asking: Asking<Lane>) => Promise<T>,
): (asking: Asking<Lane>) => Promise<T> {
  const next = new Map<Lane, Promise<T>>();
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
