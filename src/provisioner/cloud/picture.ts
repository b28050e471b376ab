import type { Clock } from '../../ports/clock.ts';
import { refuseAborted, untilAborted } from './cancel.ts';
import type { Lane } from './lanes.ts';

/** One picture of many things, which everybody looks at. */
export interface Picture<T> {
  see(asking: { readonly lane: Lane; readonly signal: AbortSignal }): Promise<T>;
  /** Before and after every change: the next look is a fresh one. */
  changed(): void;
}

/**
 * Keeps a picture for as long as `keepMs` says, because looking all the time would use up the requests that an API allows. One that
 * could not be read is not kept.
 */
export function createPicture<T>({
  clock,
  closing,
  doing,
  look,
  keepMs,
}: {
  clock: Clock;
  closing: AbortSignal;
  doing: string;
  look: (asking: { readonly lane: Lane; readonly signal: AbortSignal }) => Promise<T>;
  keepMs: (picture: T) => number;
}): Picture<T> {
  let kept: { readonly at: number; readonly value: Promise<T>; maxAgeMs: number } | undefined;
  return {
    async see({ lane, signal }) {
      refuseAborted(signal, doing);
      if (kept && clock.monotonic() - kept.at < kept.maxAgeMs) return untilAborted(kept.value, signal, doing);
      const value = look({ lane, signal: closing });
      const entry = { at: clock.monotonic(), value, maxAgeMs: Number.POSITIVE_INFINITY };
      kept = entry;
      value.then(
        (picture) => {
          entry.maxAgeMs = keepMs(picture);
        },
        () => {
          entry.maxAgeMs = 0;
        },
      );
      return untilAborted(value, signal, doing);
    },
    changed() {
      kept = undefined;
    },
  };
}
