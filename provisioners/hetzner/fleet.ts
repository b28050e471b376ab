import { refuseAborted, untilAborted } from '../../src/provisioner/cloud/cancel.ts';
import { type AgentId, type Clock, type OwnerStamp } from '../../src/provisioner/index.ts';
import type { HetznerApi } from './api.ts';
import type { Asking, HetznerClient } from './client.ts';
import { ofAgent, readStamp } from './labels.ts';
import { listAll, type Page } from './pages.ts';
import { type Image, image, type Server } from './wire.ts';

/** Everything of this agent at one moment. */
export interface Sight {
  readonly servers: Page<Server>;
  /** What suspended machines became. */
  readonly snapshots: Page<Image>;
}

/**
 * The one picture of all machines, which lists, traffic and capacity share. It is kept for a while, and dropped as soon as this
 * plugin changes anything: a project has 3600 requests an hour, and looking all the time must not use them up.
 */
export interface Fleet {
  see(asking: Asking): Promise<Sight>;
  /** Before and after every change. */
  changed(): void;
  /** A server that is about to be deleted: its counters go with it. */
  lastSeen(server: Server): void;
  /** Counters of servers that were deleted since this was asked before. */
  takeLast(): readonly { readonly stamp: OwnerStamp; readonly server: Server }[];
}

/** Fewer than two requests a minute, however many pages the machines fill. */
const MS_PER_REQUEST = 35_000;
const PER_PAGE = 50;
const DOING = 'the servers were listed';
/** What nobody asks for is not kept for ever. */
const MAX_LAST = 1_000;

export function createFleet({
  api,
  client,
  clock,
  agent,
  closing,
}: {
  api: HetznerApi;
  client: HetznerClient;
  clock: Clock;
  agent: AgentId;
  closing: AbortSignal;
}): Fleet {
  let kept: { readonly at: number; readonly sight: Promise<Sight>; maxAgeMs: number } | undefined;
  const last = new Map<number, { readonly stamp: OwnerStamp; readonly server: Server }>();

  async function look(asking: Asking): Promise<Sight> {
    const mine = [['label_selector', ofAgent(agent)] as const];
    const [servers, snapshots] = await Promise.all([
      api.servers([...mine, ['sort', 'id:asc']], asking),
      listAll(
        client,
        { path: '/images', key: 'images', entry: image, query: [...mine, ['type', 'snapshot'], ['sort', 'id:asc']] },
        asking,
      ),
    ]);
    return { servers, snapshots };
  }

  return {
    async see({ lane, signal }) {
      refuseAborted(signal, DOING);
      if (kept && clock.monotonic() - kept.at < kept.maxAgeMs) return untilAborted(kept.sight, signal, DOING);
      const sight = look({ lane, signal: closing });
      const entry = { at: clock.monotonic(), sight, maxAgeMs: Number.POSITIVE_INFINITY };
      kept = entry;
      sight.then(
        ({ servers, snapshots }) => {
          const requests = pages(servers.entries) + pages(snapshots.entries);
          // A picture with holes is not worth keeping.
          entry.maxAgeMs = servers.complete && snapshots.complete ? requests * MS_PER_REQUEST : 0;
        },
        () => {
          entry.maxAgeMs = 0;
        },
      );
      return untilAborted(sight, signal, DOING);
    },
    changed() {
      kept = undefined;
    },
    lastSeen(server) {
      const stamp = readStamp(server.labels, agent);
      if (stamp !== undefined && last.size < MAX_LAST) last.set(server.id, { stamp, server });
    },
    takeLast() {
      const taken = [...last.values()];
      last.clear();
      return taken;
    },
  };
}

const pages = (entries: readonly unknown[]): number => Math.max(1, Math.ceil(entries.length / PER_PAGE));
