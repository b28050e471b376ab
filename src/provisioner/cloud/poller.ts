import { setMaxListeners } from 'node:events';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import { ProvisionerError } from '../errors.ts';

/** How a piece of a backend's work stands; absent where the backend does not know it. */
export type Standing<Ending> = ReadonlyMap<number, Ending | 'running'>;

/** Waits for a backend's own pieces of work (actions, tasks), with one poll for everybody who waits. */
export interface Poller<Ending> {
  /** How it ended, or `lost`: unknown to the backend, which could not tell, or longer than the limit. Rejects with `retry` when cancelled. */
  wait(id: number, signal: AbortSignal, limitMs: number): Promise<Ending>;
  /** Ends every wait as lost. */
  close(): void;
}

export interface PollerInput<Ending> {
  /** Says how these stand. Rejects where there was no answer. */
  readonly ask: (ids: readonly number[], signal: AbortSignal) => Promise<Standing<Ending>>;
  readonly lost: Ending;
  /** The pause before the next round, in ms; `youngestMs`: since the youngest wait began. Looked at again when it is long. */
  readonly pauseMs: (waiting: number, youngestMs: number) => number;
  readonly clock: Clock;
  readonly log: Log;
}

const RETHINK_MS = 1_000;
/** An id that is missing from one answer may just not have arrived everywhere; one that is missing from three is gone. */
const MAX_MISSES = 3;
/** So many rounds without an answer, and waiting is given up: whoever waits looks at the machine, and gets the error there. */
const MAX_FAILURES = 5;

interface Waiting<Ending> {
  readonly since: number;
  misses: number;
  failures: number;
  readonly waiters: Set<(ending: Ending) => void>;
}

export function createPoller<Ending>({ ask, lost, pauseMs, clock, log }: PollerInput<Ending>): Poller<Ending> {
  const waiting = new Map<number, Waiting<Ending>>();
  const closing = new AbortController();
  setMaxListeners(0, closing.signal);
  let polling = false;

  function pause(): number {
    const youngest = Math.max(...[...waiting.values()].map(({ since }) => since));
    return pauseMs(waiting.size, clock.monotonic() - youngest);
  }

  /** Runs while somebody waits. A long pause may turn out too long as soon as others need fewer requests: it is looked at again. */
  function wake(): void {
    if (polling || waiting.size === 0 || closing.signal.aborted) return;
    polling = true;
    const began = clock.monotonic();
    const later = (): void => {
      const left = waiting.size === 0 ? 0 : began + pause() - clock.monotonic();
      if (left > 0) return void clock.after(Math.min(left, RETHINK_MS), later);
      void round().finally(() => {
        polling = false;
        wake();
      });
    };
    later();
  }

  async function round(): Promise<void> {
    const ids = [...waiting.keys()];
    if (ids.length === 0) return;
    let standing: Standing<Ending>;
    try {
      standing = await ask(ids, closing.signal);
    } catch (error) {
      log.debug({ error, waiting: ids.length }, 'could not ask how a backend’s work goes, asking again');
      for (const id of ids) fail(id);
      return;
    }
    for (const id of ids) judge(id, standing.get(id));
  }

  function fail(id: number): void {
    const entry = waiting.get(id);
    if (entry && ++entry.failures >= MAX_FAILURES) end(id, lost);
  }

  function judge(id: number, standing: Ending | 'running' | undefined): void {
    const entry = waiting.get(id);
    if (!entry) return;
    if (standing === undefined) {
      if (++entry.misses >= MAX_MISSES) end(id, lost);
    } else if (standing === 'running') entry.misses = 0;
    else end(id, standing);
  }

  function end(id: number, ending: Ending): void {
    const entry = waiting.get(id);
    waiting.delete(id);
    for (const tell of entry?.waiters ?? []) tell(ending);
  }

  function wait(id: number, signal: AbortSignal, limitMs: number): Promise<Ending> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        forget();
        reject(new ProvisionerError('retry', 'Cancelled while waiting for the backend', { cause: signal.reason }));
      };
      const fresh = { since: clock.monotonic(), misses: 0, failures: 0, waiters: new Set<(ending: Ending) => void>() };
      const entry = waiting.get(id) ?? fresh;
      const tell = (ending: Ending): void => {
        forget();
        resolve(ending);
      };
      const cancel = clock.after(limitMs, () => tell(lost));
      const forget = (): void => {
        signal.removeEventListener('abort', onAbort);
        cancel();
        entry.waiters.delete(tell);
        if (entry.waiters.size === 0) waiting.delete(id);
      };
      if (signal.aborted || closing.signal.aborted) return signal.aborted ? onAbort() : tell(lost);
      signal.addEventListener('abort', onAbort, { once: true });
      entry.waiters.add(tell);
      waiting.set(id, entry);
      wake();
    });
  }

  return {
    wait,
    close() {
      closing.abort(new Error('the target was closed'));
      for (const id of waiting.keys()) end(id, lost);
    },
  };
}
