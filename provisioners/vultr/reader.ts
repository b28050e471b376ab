import { GATHER_MS } from '../../src/provisioner/cloud/gather.ts';
import { type AgentId, type Clock, ProvisionerError } from '../../src/provisioner/index.ts';
import type { VultrApi } from './api.ts';
import type { Asking } from './client.ts';
import { ofAgent } from './tags.ts';
import type { VultrInstance } from './wire.ts';

/**
 * Looks at single instances. There are no actions to ask about, so whoever waits looks again and again; looks of the same moment
 * are put together into one list of all machines.
 */
export interface Reader {
  /** The instance as it is now; undefined only when the API said, about this id, that there is none. */
  byId(id: string, asking: Asking): Promise<VultrInstance | undefined>;
}

/** Up to so many are asked about one by one: the instance itself is the better witness. */
const ONE_BY_ONE = 3;

interface Look extends Asking {
  readonly id: string;
  readonly tell: (found: VultrInstance | undefined) => void;
  readonly fail: (error: unknown) => void;
}

export function createReader(api: VultrApi, clock: Clock, agent: AgentId, closing: AbortSignal): Reader {
  let gathered: Look[] = [];

  function flush(): void {
    const looks = gathered.filter(({ signal }) => !signal.aborted);
    gathered = [];
    if (looks.length <= ONE_BY_ONE) for (const look of looks) void ask(look);
    else void askTogether(looks);
  }

  async function ask({ id, tell, fail, lane, signal }: Look): Promise<void> {
    try {
      tell(await api.instance(id, { lane, signal }));
    } catch (error) {
      fail(error);
    }
  }

  async function askTogether(looks: readonly Look[]): Promise<void> {
    try {
      const { entries } = await api.instances([['tag', ofAgent(agent)]], { lane: 'make', signal: closing });
      const byId = new Map(entries.map((entry) => [entry.id, entry]));
      for (const look of looks) {
        const found = byId.get(look.id);
        // What a list leaves out is not gone: its tags may be late, or lost.
        if (found === undefined) void ask(look);
        else look.tell(found);
      }
    } catch (error) {
      for (const { fail } of looks) fail(error);
    }
  }

  return {
    byId: (id, { lane, signal }) =>
      new Promise((resolve, reject) => {
        const onAbort = (): void => {
          reject(new ProvisionerError('retry', 'Cancelled while looking at an instance', { cause: signal.reason }));
        };
        if (signal.aborted) return onAbort();
        signal.addEventListener('abort', onAbort, { once: true });
        const settle = (act: () => void): void => {
          signal.removeEventListener('abort', onAbort);
          act();
        };
        const tell: Look['tell'] = (found) => settle(() => resolve(found));
        const fail: Look['fail'] = (error) => settle(() => reject(error));
        gathered.push({ id, lane, signal, tell, fail });
        if (gathered.length === 1) clock.after(GATHER_MS, flush);
      }),
  };
}
