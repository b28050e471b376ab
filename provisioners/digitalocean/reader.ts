import { GATHER_MS } from '../../src/provisioner/cloud/gather.ts';
import { type AgentId, type Clock, ProvisionerError } from '../../src/provisioner/index.ts';
import type { DoApi } from './api.ts';
import type { Asking } from './client.ts';
import { agentTag } from './tags.ts';
import type { Droplet } from './wire.ts';

/**
 * Looks at single droplets. Looks of the same moment are put together, because a burst of machines that come up at once would
 * otherwise cost one request for each; two hundred of them cost one.
 */
export interface Reader {
  /** The droplet as it is now; undefined only when the API said, about this id, that there is none. */
  byId(id: number, asking: Asking): Promise<Droplet | undefined>;
}

/** Up to so many are asked about one by one: the droplet itself is the better witness. */
const ONE_BY_ONE = 2;

interface Look extends Asking {
  readonly id: number;
  readonly tell: (found: Droplet | undefined) => void;
  readonly fail: (error: unknown) => void;
}

export function createReader(api: DoApi, clock: Clock, agent: AgentId, closing: AbortSignal): Reader {
  let gathered: Look[] = [];

  function flush(): void {
    const looks = gathered.filter(({ signal }) => !signal.aborted);
    gathered = [];
    for (const lane of new Set(looks.map((look) => look.lane))) {
      const mine = looks.filter((look) => look.lane === lane);
      if (mine.length <= ONE_BY_ONE) for (const look of mine) void ask(look);
      else void askTogether(mine, lane);
    }
  }

  async function ask({ id, tell, fail, lane, signal }: Look): Promise<void> {
    try {
      tell(await api.droplet(id, { lane, signal }));
    } catch (error) {
      fail(error);
    }
  }

  async function askTogether(looks: readonly Look[], lane: Look['lane']): Promise<void> {
    try {
      // A list for several ends with the target, not with one of those who wait for it.
      const { entries } = await api.droplets({ tag_name: agentTag(agent) }, { lane, signal: closing });
      const found = new Map(entries.map((each) => [each.id, each]));
      for (const look of looks) {
        const seen = found.get(look.id);
        // What a list leaves out is not gone: its tags may be to come, or lost.
        if (seen === undefined) void ask(look);
        else look.tell(seen);
      }
    } catch (error) {
      for (const { fail } of looks) fail(error);
    }
  }

  return {
    byId: (id, { lane, signal }) =>
      new Promise((resolve, reject) => {
        const onAbort = (): void => {
          reject(new ProvisionerError('retry', 'Cancelled while looking for a droplet', { cause: signal.reason }));
        };
        if (signal.aborted) return onAbort();
        signal.addEventListener('abort', onAbort, { once: true });
        const settle = (act: () => void): void => {
          signal.removeEventListener('abort', onAbort);
          act();
        };
        gathered.push({
          id,
          lane,
          signal,
          tell: (found) => settle(() => resolve(found)),
          fail: (error) => settle(() => reject(error)),
        });
        if (gathered.length === 1) clock.after(GATHER_MS, flush);
      }),
  };
}
