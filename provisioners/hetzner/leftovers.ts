import { z } from 'zod';
import { type CallContext, type OwnerStamp, ProvisionerError } from '../../src/provisioner/index.ts';
import type { Asking, HetznerClient } from './client.ts';
import { carries, LABEL, type Labels, ofAgent } from './labels.ts';
import { listAll, type Page } from './pages.ts';
import { pause, type Target } from './target.ts';
import { image, primaryIp, volume } from './wire.ts';

/** Something that outlives a server and costs money by itself. */
export interface Leftover {
  readonly kind: 'snapshot' | 'primary IP' | 'volume';
  readonly id: number;
  readonly labels: Labels;
  readonly inUse: boolean;
}

const PATHS: Readonly<Record<Leftover['kind'], string>> = {
  snapshot: '/images',
  'primary IP': '/primary_ips',
  volume: '/volumes',
};

/** Everything of this agent that is no server. */
export async function findLeftovers(
  client: HetznerClient,
  agent: Target['agent'],
  asking: Asking,
): Promise<Page<Leftover>> {
  const query = [['label_selector', ofAgent(agent)]] as const;
  const [snapshots, addresses, volumes] = await Promise.all([
    listAll(client, { path: '/images', key: 'images', entry: image, query: [...query, ['type', 'snapshot']] }, asking),
    listAll(client, { path: '/primary_ips', key: 'primary_ips', entry: primaryIp, query }, asking),
    listAll(client, { path: '/volumes', key: 'volumes', entry: volume, query }, asking),
  ]);
  const entries: Leftover[] = [
    ...snapshots.entries.map(({ id, labels }) => ({
      kind: 'snapshot' as const,
      id,
      labels: labels ?? {},
      inUse: false,
    })),
    ...addresses.entries.map(({ id, labels, assignee_id }) => ({
      kind: 'primary IP' as const,
      id,
      labels,
      inUse: typeof assignee_id === 'number',
    })),
    ...volumes.entries.map(({ id, labels, server }) => ({
      kind: 'volume' as const,
      id,
      labels,
      inUse: typeof server === 'number',
    })),
  ];
  return { complete: snapshots.complete && addresses.complete && volumes.complete, entries };
}

/**
 * What nothing needs any more, as far as the project itself can tell: unused addresses and volumes whose machine has neither a
 * server nor a snapshot, and snapshots of machines that have a server again. `alive`: operations that have a server. Pure.
 */
export function orphans(leftovers: readonly Leftover[], alive: ReadonlySet<string>): readonly Leftover[] {
  const suspended = new Set(leftovers.filter(({ kind }) => kind === 'snapshot').map(operationOf));
  return leftovers.filter((each) => {
    const operation = operationOf(each);
    if (operation === undefined || each.inUse) return false;
    return each.kind === 'snapshot' ? alive.has(operation) : !alive.has(operation) && !suspended.has(operation);
  });
}

function operationOf({ labels }: Leftover): string | undefined {
  return labels[LABEL.operation];
}

const TRIES = 10;
const PAUSE_MS = 2_000;

/**
 * Removes what carries exactly this stamp and is no server; to be called when the server is gone. An address stays taken for a
 * moment after its server, so what is refused is tried again. Resolves when a complete list shows nothing.
 */
export async function removeLeftovers(target: Target, stamp: OwnerStamp, { signal, log }: CallContext): Promise<void> {
  const asking = { lane: 'remove', signal } as const;
  for (let tries = 1; ; tries++) {
    const { complete, entries } = await target.leftovers(asking);
    const left = entries.filter(({ labels }) => carries(labels, stamp));
    if (left.length === 0 && complete) return;
    if (tries > TRIES) {
      throw new ProvisionerError('retry', `${left.length} things of a deleted server could not be deleted yet`);
    }
    for (const each of left) {
      log.info({ kind: each.kind, id: each.id }, 'hetzner: deleting what a server left');
      await remove(target.client, each, asking);
    }
    if (left.length === 0 || tries > 1) await pause(target, PAUSE_MS, signal);
  }
}

/** What cannot be removed yet is found again by the next look. */
async function remove(client: HetznerClient, { kind, id }: Leftover, { lane, signal }: Asking): Promise<void> {
  await client.call({
    doing: `delete ${kind} ${id}`,
    method: 'DELETE',
    path: `${PATHS[kind]}/${id}`,
    lane,
    signal,
    answer: z.unknown(),
    expects: ['not_found', 'must_be_unassigned', 'resource_in_use', 'locked'],
  });
}
