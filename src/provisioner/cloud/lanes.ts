import type { Cancel, Clock } from '../../ports/clock.ts';
import { ProvisionerError } from '../errors.ts';

/**
 * Who asks an API. Removing comes first and may use the last request: a machine that cannot be deleted costs money. Making comes
 * next. Polling and looking give way to both.
 */
export type Lane = 'remove' | 'make' | 'poll' | 'look';

export const LANES: readonly Lane[] = ['remove', 'make', 'poll', 'look'];

/** Looking waits for its turn this long at most, in ms: an old picture is better than an agent that stands still. */
const LONGEST_QUEUE: Readonly<Record<Lane, number>> = { remove: 600_000, make: 600_000, poll: 600_000, look: 20_000 };

/** Throws `throttled` when a request would have to wait too long; `whose` requests are used up completes the sentence. */
export function refuseLongQueue(waitMs: number, lane: Lane, doing: string, whose: string): void {
  if (waitMs <= LONGEST_QUEUE[lane]) return;
  throw new ProvisionerError('throttled', `Did not ${doing}: ${whose} API requests are used up for now`, {
    retryAfterMs: waitMs,
  });
}

/** Requests that wait for their turn, by lane. What there is to spend, and for whom, its owner knows. */
export interface LaneQueues {
  /** Resolves when it is this request's turn, which `spend` has been told of; rejects with the signal's reason. */
  turn(lane: Lane, signal: AbortSignal): Promise<void>;
  /** To be called whenever there may be more to spend. */
  pump(): void;
  /** How many wait in this lane. */
  waiting(lane: Lane): number;
}

/** `lacking`: ms until one more request of this lane may go, 0 when it may now. */
export function createLaneQueues({
  clock,
  lacking,
  spend,
}: {
  clock: Clock;
  lacking: (lane: Lane) => number;
  spend: () => void;
}): LaneQueues {
  const queues: Record<Lane, Set<() => void>> = {
    remove: new Set(),
    make: new Set(),
    poll: new Set(),
    look: new Set(),
  };
  let timer: Cancel | undefined;

  function pump(): void {
    timer?.();
    timer = undefined;
    for (const lane of LANES) {
      for (const go of queues[lane]) {
        const wait = lacking(lane);
        if (wait > 0) {
          // A lane never passes one before it: what it would use up is what that one is waiting for.
          timer = clock.after(Math.ceil(wait), pump);
          return;
        }
        queues[lane].delete(go);
        spend();
        go();
      }
    }
  }

  return {
    pump,
    waiting: (lane) => queues[lane].size,
    turn(lane, signal) {
      return new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        const onAbort = (): void => {
          queues[lane].delete(go);
          reject(signal.reason);
          pump();
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
  };
}
