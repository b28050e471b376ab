import { GATHER_MS } from '../../src/provisioner/cloud/gather.ts';
import { type Clock, type OwnerStamp, ProvisionerError } from '../../src/provisioner/index.ts';
import type { HetznerApi } from './api.ts';
import type { Asking } from './client.ts';
import { carries, ofOperations } from './labels.ts';
import type { Server } from './wire.ts';

/**
 * Looks at single servers. Looks of the same moment are put together, because a burst of machines that come up at once would
 * otherwise cost one request for each; 25 of them cost one.
 */
export interface Reader {
  /** The server as it is now; undefined only when the API said, about this id, that there is none. */
  byId(id: number, stamp: OwnerStamp, asking: Asking): Promise<Server | undefined>;
  /** Every server that carries exactly this stamp, oldest first. Throws `retry` when the list was incomplete and shows none. */
  byStamp(stamp: OwnerStamp, asking: Asking): Promise<readonly Server[]>;
}

/** As many ids as fit into any URL. */
const BATCH = 25;
/** Up to so many known servers are asked about one by one: the server itself is the better witness. */
const ONE_BY_ONE = 2;

interface Look extends Asking {
  readonly stamp: OwnerStamp;
  /** Absent: whatever carries the stamp. */
  readonly id?: number;
  readonly tell: (found: readonly Server[]) => void;
  readonly fail: (error: unknown) => void;
}

export function createReader(api: HetznerApi, clock: Clock, closing: AbortSignal): Reader {
  let gathered: Look[] = [];

  function gather(
    what: { readonly stamp: OwnerStamp; readonly id?: number },
    { lane, signal }: Asking,
  ): Promise<readonly Server[]> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        reject(new ProvisionerError('retry', 'Cancelled while looking for a server', { cause: signal.reason }));
      };
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      const settle = (act: () => void): void => {
        signal.removeEventListener('abort', onAbort);
        act();
      };
      const tell: Look['tell'] = (found) => settle(() => resolve(found));
      const fail: Look['fail'] = (error) => settle(() => reject(error));
      gathered.push({ ...what, lane, signal, tell, fail });
      if (gathered.length === 1) clock.after(GATHER_MS, flush);
    });
  }

  function flush(): void {
    const lanes = new Map<Look['lane'], Look[]>();
    for (const look of gathered) {
      if (!look.signal.aborted) lanes.set(look.lane, [...(lanes.get(look.lane) ?? []), look]);
    }
    gathered = [];
    for (const [lane, looks] of lanes) {
      const known = looks.filter(({ id }) => id !== undefined);
      const single = known.length <= ONE_BY_ONE ? known : [];
      for (const look of single) void ask(look);
      const rest = looks.filter((look) => !single.includes(look));
      for (let first = 0; first < rest.length; first += BATCH) void askTogether(rest.slice(first, first + BATCH), lane);
    }
  }

  async function ask({ id, tell, fail, lane, signal }: Look): Promise<void> {
    try {
      const server = id === undefined ? undefined : await api.server(id, { lane, signal });
      tell(server === undefined ? [] : [server]);
    } catch (error) {
      fail(error);
    }
  }

  async function askTogether(looks: readonly Look[], lane: Look['lane']): Promise<void> {
    const operations = [...new Set(looks.map(({ stamp }) => stamp.operation))];
    // A list for several ends with the target, not with one of those who wait for it.
    const signal = (looks.length === 1 ? looks[0]?.signal : undefined) ?? closing;
    try {
      const { complete, entries } = await api.servers([['label_selector', ofOperations(operations)]], { lane, signal });
      for (const look of looks) {
        const ours = entries.filter(({ labels }) => carries(labels, look.stamp)).toSorted((a, b) => a.id - b.id);
        const wanted = look.id === undefined ? ours : ours.filter(({ id }) => id === look.id);
        if (wanted.length > 0) look.tell(wanted);
        // What a list leaves out is not gone; and a server may have lost its labels.
        else if (look.id !== undefined) void ask(look);
        else if (complete) look.tell([]);
        else look.fail(new ProvisionerError('retry', NOT_ALL));
      }
    } catch (error) {
      for (const { fail } of looks) fail(error);
    }
  }

  return {
    byId: async (id, stamp, asking) => (await gather({ id, stamp }, asking))[0],
    byStamp: (stamp, asking) => gather({ stamp }, asking),
  };
}

const NOT_ALL = 'Hetzner could not list all servers, so none can be called absent';
