import { setMaxListeners } from 'node:events';
import { type Clock, type Log, ProvisionerError } from '../../src/provisioner/index.ts';
import type { HetznerApi } from './api.ts';
import type { Budget } from './budget.ts';
import type { Asking } from './client.ts';
import type { Action } from './wire.ts';

/** How an action ended. `lost`: the API does not know it, could not tell, or it takes too long; look at the server instead. */
export type Ending =
  | { readonly state: 'success' }
  | { readonly state: 'error'; readonly command: string; readonly code: string; readonly text: string }
  | { readonly state: 'lost' };

/** Waits for actions of the whole project with one poll for all of them: polling each by itself uses up the project's requests. */
export interface Actions {
  /** The endings, in order. Rejects with `retry` when cancelled. Whoever removes something never waits for the others' polls. */
  settle(actions: readonly (number | Action)[], asking: Asking, limitMs: number): Promise<readonly Ending[]>;
}

/** hcloud's own clients found that more ids make the URL too long for what stands before the API. */
const BATCH = 25;
/** Half of it is what a machine waits, on average, after the API is done. */
const QUICK_MS = 600;
const SLOW_MS = 5_000;
const RETHINK_MS = 1_000;
/** An action that takes longer than this is a snapshot or a trouble: a few seconds make no difference. */
const QUICK_FOR_MS = 90_000;
/** An id that is missing from one answer may just not have arrived everywhere; one that is missing from three is gone. */
const MAX_MISSES = 3;
/** So many rounds without an answer, and waiting is given up: whoever waits looks at the server, and gets the error there. */
const MAX_FAILURES = 5;

interface Waiting {
  readonly id: number;
  readonly since: number;
  misses: number;
  failures: number;
  readonly waiters: Set<(ending: Ending) => void>;
}

interface ActionsInput {
  readonly api: Pick<HetznerApi, 'actions'>;
  readonly budget: Budget;
  readonly clock: Clock;
  readonly log: Log;
}

export function createActions(input: ActionsInput): Actions & { close(): void } {
  const pollers = { remove: createPoller(input, 'remove'), poll: createPoller(input, 'poll') };
  return {
    settle: (actions, { lane, signal }, limitMs) => {
      const { wait } = lane === 'remove' ? pollers.remove : pollers.poll;
      return Promise.all(actions.map((action) => wait(action, signal, limitMs)));
    },
    close() {
      pollers.remove.close();
      pollers.poll.close();
    },
  };
}

interface Poller {
  wait(action: number | Action, signal: AbortSignal, limitMs: number): Promise<Ending>;
  close(): void;
}

function createPoller({ api, budget, clock, log }: ActionsInput, lane: 'remove' | 'poll'): Poller {
  const waiting = new Map<number, Waiting>();
  const closing = new AbortController();
  setMaxListeners(0, closing.signal);
  let polling = false;

  function pauseMs(): number {
    const now = clock.monotonic();
    const young = [...waiting.values()].some(({ since }) => now - since < QUICK_FOR_MS);
    return Math.max(young ? QUICK_MS : SLOW_MS, budget.pace(lane, Math.ceil(waiting.size / BATCH)));
  }

  /** Runs while somebody waits. A long pause may turn out too long as soon as others need fewer requests: it is looked at again. */
  function wake(): void {
    if (polling || waiting.size === 0 || closing.signal.aborted) return;
    polling = true;
    const began = clock.monotonic();
    const later = (): void => {
      const left = began + pauseMs() - clock.monotonic();
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
    const batches: number[][] = [];
    for (let first = 0; first < ids.length; first += BATCH) batches.push(ids.slice(first, first + BATCH));
    await Promise.all(batches.map(ask));
  }

  async function ask(ids: readonly number[]): Promise<void> {
    let answer: readonly Action[];
    try {
      answer = await api.actions(ids, { lane, signal: closing.signal });
    } catch (error) {
      log.debug({ error, actions: ids.length }, 'hetzner: could not ask how actions go, asking again');
      for (const id of ids) {
        const entry = waiting.get(id);
        if (entry && ++entry.failures >= MAX_FAILURES) end(entry, { state: 'lost' });
      }
      return;
    }
    const byId = new Map(answer.map((action) => [action.id, action]));
    for (const id of ids) {
      const entry = waiting.get(id);
      if (!entry) continue;
      const action = byId.get(id);
      const ending = action && endingOf(action);
      if (action) entry.misses = 0;
      if (ending) end(entry, ending);
      else if (!action && ++entry.misses >= MAX_MISSES) end(entry, { state: 'lost' });
    }
  }

  function end(entry: Waiting, ending: Ending): void {
    waiting.delete(entry.id);
    for (const tell of entry.waiters) tell(ending);
  }

  function wait(given: number | Action, signal: AbortSignal, limitMs: number): Promise<Ending> {
    const known = typeof given === 'number' ? undefined : endingOf(given);
    if (known) return Promise.resolve(known);
    const id = typeof given === 'number' ? given : given.id;
    return new Promise((resolve, reject) => {
      const entry: Waiting = waiting.get(id) ?? {
        id,
        since: clock.monotonic(),
        misses: 0,
        failures: 0,
        waiters: new Set(),
      };
      const forget = (): void => {
        signal.removeEventListener('abort', onAbort);
        cancel();
        entry.waiters.delete(tell);
        if (entry.waiters.size === 0) waiting.delete(id);
      };
      const tell = (ending: Ending): void => {
        forget();
        resolve(ending);
      };
      const onAbort = (): void => {
        forget();
        reject(new ProvisionerError('retry', 'Cancelled while waiting for an action', { cause: signal.reason }));
      };
      const cancel = clock.after(limitMs, () => tell({ state: 'lost' }));
      if (signal.aborted) return onAbort();
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
      for (const entry of waiting.values()) end(entry, { state: 'lost' });
    },
  };
}

/** Undefined while it runs. An error without a text is an error all the same. */
export function endingOf({ status, command, error }: Action): Ending | undefined {
  if (status === 'success') return { state: 'success' };
  if (status !== 'error') return undefined;
  return {
    state: 'error',
    command: command ?? 'unknown',
    code: error?.code ?? 'unknown_error',
    text: (error?.message ?? '').slice(0, 200),
  };
}
