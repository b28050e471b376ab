import { z } from 'zod';
import { type Operation, type OwnerStamp, ProvisionerError } from '../../src/provisioner/index.ts';
import type { Asking } from './client.ts';
import { addresses } from './instance.ts';
import { carries, LABEL, type Labels, ofOperations, stampLabels } from './labels.ts';
import { listAll } from './pages.ts';
import type { Off } from './power.ts';
import { removeServer } from './remove.ts';
import { failureIn, pause, type Target, waitForServer } from './target.ts';
import { type Image, image, type Server } from './wire.ts';

/** What a snapshot says of the machine that it was, beside the stamp. */
export const KEPT = {
  /** Of which server it was taken. */
  server: 'dc-agent/server',
  type: 'dc-agent/type',
  location: 'dc-agent/location',
  ipv4: 'dc-agent/ipv4',
  ipv6: 'dc-agent/ipv6',
} as const;

const POLL_MS = 5_000;
/** Some gigabytes a minute. */
const LIMIT_MS = 3_600_000;

/**
 * Turns a server that is off into a snapshot and reserved addresses, and deletes it only when a look shows both. Repeatable from
 * any point: what is there already is not made twice. A snapshot from before the server was last on is out of date, and never
 * counts.
 */
export async function freeze(target: Target, { server, was }: Off, stamp: OwnerStamp, op: Operation): Promise<void> {
  const asking = { lane: 'make', signal: op.signal } as const;
  const startedAt = target.clock.monotonic();
  if (was === 'on') await dropSnapshots(target, stamp, 'all', asking);
  await keepAddresses(target, server, stamp, asking);
  for (;;) {
    const taken = await snapshotsOf(target, stamp, asking);
    const kept = taken.find(({ labels }) => labels?.[KEPT.server] === String(server.id));
    if (kept?.status === 'available') break;
    if (target.clock.monotonic() - startedAt > LIMIT_MS) {
      throw new ProvisionerError('retry', `The snapshot of server ${server.id} is not done after an hour`);
    }
    if (kept !== undefined) {
      await pause(target, POLL_MS, op.signal);
      continue;
    }
    const accepted = await target.api.snapshot(server.id, server.name, { ...keptLabels(server, stamp) }, asking);
    if (accepted === 'absent') throw new ProvisionerError('retry', `Server ${server.id} is not there any more`);
    if (accepted === 'locked') {
      await waitForServer(target, server.id, POLL_MS, asking);
      continue;
    }
    const failure = failureIn(await target.actions.settle([accepted.action], asking, LIMIT_MS));
    if (failure) throw new ProvisionerError('retry', `The snapshot of server ${server.id} failed: ${failure.code}`);
  }
  await removeServer(target, server.id, stamp, op);
}

/** Snapshots that carry exactly this stamp, the newest first; usable ones before others. */
export async function snapshotsOf(target: Target, stamp: OwnerStamp, asking: Asking): Promise<readonly Image[]> {
  const query = [['type', 'snapshot'] as const, ['label_selector', ofOperations([stamp.operation])] as const];
  const { complete, entries } = await listAll(
    target.client,
    { path: '/images', key: 'images', entry: image, query },
    asking,
  );
  const ours = entries.filter(({ labels, type }) => type === 'snapshot' && carries(labels ?? {}, stamp));
  if (ours.length > 0 || complete) {
    return ours.toSorted((a, b) => Number(b.status === 'available') - Number(a.status === 'available') || b.id - a.id);
  }
  throw new ProvisionerError('retry', 'Hetzner could not list all snapshots, so none can be called absent');
}

/**
 * Deletes snapshots of a machine that has a server. `taken-of` a server: to be called before that server is switched on, because
 * they are out of date from then on. `all`: only when the server runs, because it may have been made from one of them.
 */
export async function dropSnapshots(
  target: Target,
  stamp: OwnerStamp,
  which: 'all' | { readonly takenOf: number },
  asking: Asking,
): Promise<void> {
  for (const { id, labels } of await snapshotsOf(target, stamp, asking)) {
    if (which !== 'all' && labels?.[KEPT.server] !== String(which.takenOf)) continue;
    await target.client.call({
      doing: `delete snapshot ${id}`,
      method: 'DELETE',
      path: `/images/${id}`,
      ...asking,
      answer: z.unknown(),
      expects: ['not_found'],
    });
  }
}

function keptLabels(server: Server, stamp: OwnerStamp): Labels {
  const { ipv4, ipv6 } = addresses(server);
  const { server_type: type, location, labels } = server;
  return {
    ...stampLabels(stamp),
    [LABEL.first]: labels[LABEL.first] ?? String(server.id),
    [KEPT.server]: String(server.id),
    ...(labels[LABEL.ordered] === undefined ? {} : { [LABEL.ordered]: labels[LABEL.ordered] }),
    ...(type === undefined || type === null ? {} : { [KEPT.type]: type.name }),
    ...(location === undefined || location === null ? {} : { [KEPT.location]: location.name }),
    ...(ipv4 === undefined ? {} : { [KEPT.ipv4]: ipv4 }),
    // A label's value takes no colons.
    ...(ipv6 === undefined ? {} : { [KEPT.ipv6]: ipv6.replaceAll(':', '-') }),
  };
}

/** An address that was made with its server goes with it, unless it is told not to. Its labels say whose it is. */
async function keepAddresses(target: Target, server: Server, stamp: OwnerStamp, asking: Asking): Promise<void> {
  for (const id of addressIds(server))
    await setAddress(target, id, { auto_delete: false, labels: stampLabels(stamp) }, asking);
}

/** Addresses of a machine that runs again go with its server, as those of any other. */
export async function releaseAddresses(target: Target, server: Server, asking: Asking): Promise<void> {
  for (const id of addressIds(server)) await setAddress(target, id, { auto_delete: true }, asking);
}

function addressIds({ public_net }: Server): number[] {
  return [public_net?.ipv4?.id, public_net?.ipv6?.id].filter((id) => typeof id === 'number');
}

async function setAddress({ client }: Target, id: number, body: object, { lane, signal }: Asking): Promise<void> {
  const doing = `set up primary IP ${id}`;
  await client.call({ doing, method: 'PUT', path: `/primary_ips/${id}`, body, lane, signal, answer: z.unknown() });
}
