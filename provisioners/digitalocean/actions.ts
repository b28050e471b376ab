import type { Lane } from '../../src/provisioner/cloud/lanes.ts';
import { createPoller } from '../../src/provisioner/cloud/poller.ts';
import type { Clock, Log } from '../../src/provisioner/index.ts';
import type { DoApi } from './api.ts';
import type { Budget } from './budget.ts';
import type { Asking } from './client.ts';
import type { Action } from './wire.ts';

/** How an action ended; the API gives no reason. `lost`: not known, could not be told, or it takes too long; look at the droplet instead. */
export type Ending = 'completed' | 'errored' | 'lost';

/** Waits for actions of the whole account with one poll for all of them. Whoever removes something never waits for the others'. */
export interface Actions {
  settle(action: number | Action, asking: Asking, limitMs: number): Promise<Ending>;
}

/** Up to so many are asked about one by one; more of them cost one look at the newest of the account. */
const ONE_BY_ONE = 2;
/** Half of it is what a machine waits, on average, after the API is done; a droplet takes half a minute. */
const QUICK_MS = 1_500;
const SLOW_MS = 5_000;
/** An action that takes longer than this is a trouble: a few seconds make no difference. */
const QUICK_FOR_MS = 180_000;

export function createActions({
  api,
  budget,
  clock,
  log,
}: {
  readonly api: Pick<DoApi, 'action' | 'newestActions'>;
  readonly budget: Budget;
  readonly clock: Clock;
  readonly log: Log;
}): Actions & { close(): void } {
  const poller = (lane: Lane) =>
    createPoller<Ending>({
      ask: (ids, signal) => ask(ids, { lane, signal }),
      lost: 'lost',
      pauseMs: (_, youngestMs) => (youngestMs < QUICK_FOR_MS && budget.spare === 'plenty' ? QUICK_MS : SLOW_MS),
      clock,
      log,
    });
  const pollers = { remove: poller('remove'), poll: poller('poll') };

  async function ask(ids: readonly number[], asking: Asking): Promise<ReadonlyMap<number, Ending | 'running'>> {
    const newest = ids.length > ONE_BY_ONE ? await api.newestActions(asking) : [];
    const known = new Map(newest.map((each) => [each.id, each]));
    // Others use the account too: what is no longer among the newest is asked about by itself.
    const rest = ids.filter((id) => !known.has(id));
    for (const found of await Promise.all(rest.map((id) => api.action(id, asking)))) {
      if (found) known.set(found.id, found);
    }
    return new Map([...known].map(([id, each]) => [id, endingOf(each) ?? 'running']));
  }

  return {
    settle(given, { lane, signal }, limitMs) {
      const ended = typeof given === 'number' ? undefined : endingOf(given);
      if (ended !== undefined) return Promise.resolve(ended);
      const { wait } = lane === 'remove' ? pollers.remove : pollers.poll;
      return wait(typeof given === 'number' ? given : given.id, signal, limitMs);
    },
    close() {
      pollers.remove.close();
      pollers.poll.close();
    },
  };
}

/** Undefined while it runs. */
function endingOf({ status }: Action): Ending | undefined {
  return status === 'completed' || status === 'errored' ? status : undefined;
}
