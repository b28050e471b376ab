import {
  type ExternalId,
  type Instance,
  machineName,
  type Operation,
  type OwnedRef,
  type OwnerStamp,
  ProvisionerError,
} from '../../src/provisioner/index.ts';
import { bringUp } from './bring-up.ts';
import type { Asking } from './client.ts';
import { refused } from './errors.ts';
import { findByStamp, knownId } from './find.ts';
import { carries, LABEL, type Labels, ofOperations, stampLabels } from './labels.ts';
import { listAll } from './pages.ts';
import { submit } from './submit.ts';
import { dropSnapshots, KEPT, releaseAddresses, snapshotsOf } from './suspend.ts';
import type { Target } from './target.ts';
import { RESUMED_USER_DATA } from './user-data.ts';
import { type Image, primaryIp, type Server } from './wire.ts';

/** The snapshot of the machine of this reference; undefined when it is not suspended. */
export async function suspended(target: Target, ref: OwnedRef, asking: Asking): Promise<Image | undefined> {
  const id = knownId(ref);
  const [newest] = (await snapshotsOf(target, ref.stamp, asking)).filter(
    ({ labels }) => id === undefined || labels?.[LABEL.first] === String(id),
  );
  return newest;
}

/** A suspended machine in the agent's words: off, at the addresses that are kept for it. */
export function suspendedInstance({ labels: given }: Image, stamp: OwnerStamp, user: string): Instance | undefined {
  const labels: Labels = given ?? {};
  const first = labels[LABEL.first];
  if (first === undefined) return undefined;
  const ipv4 = labels[KEPT.ipv4];
  const ipv6 = labels[KEPT.ipv6]?.replaceAll('-', ':');
  const host = ipv4 ?? ipv6;
  return {
    externalId: first as ExternalId,
    stamp,
    power: 'stopped',
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...(ipv6 === undefined ? {} : { ipv6 }),
    ...(host === undefined ? {} : { ssh: { host, port: 22, user } }),
  };
}

/**
 * Makes a server from the snapshot, at the machine's own addresses, and deletes the snapshot once it runs. The type may be sold
 * out: then the machine stays suspended, and its data is safe.
 */
export async function thaw(target: Target, snapshot: Image, ref: OwnedRef, op: Operation): Promise<Server> {
  const asking = { lane: 'make', signal: op.signal } as const;
  if (snapshot.status !== 'available') {
    throw new ProvisionerError('retry', `Snapshot ${snapshot.id} is ${snapshot.status}, and not available yet`);
  }
  const body = await thawedBody(target, snapshot, ref.stamp, asking);
  const outcome = await submit(target.client, body, async () => {}, asking);
  if (typeof outcome === 'object' && 'refusal' in outcome) throw refused(outcome.refusal);
  const found = await findByStamp(target, ref.stamp, asking);
  const server = found.find(({ labels }) => labels[LABEL.first] === snapshot.labels?.[LABEL.first]);
  if (server === undefined) throw notShown(found);
  const limitMs = target.settings.create_timeout_seconds * 1000;
  const actions = typeof outcome === 'object' && outcome.id === server.id ? outcome.actions : [];
  // Nobody has used it yet, and the snapshot is still there: one that does not come up may be made again.
  const ascent = { id: server.id, stamp: ref.stamp, actions, otherwise: 'replace', limitMs } as const;
  return settleIn(target, await bringUp(target, ascent, op), ref.stamp, asking);
}

/** An order that was thought lost may come true while the name is free: the server that it makes is empty, and not this machine. */
function notShown([another]: readonly Server[]): ProvisionerError {
  const why =
    another === undefined
      ? 'The server of the resumed machine does not show yet'
      : `Server ${another.id}, which a late order for this contract made, has the name of the suspended machine; it is removed first`;
  return new ProvisionerError('retry', why);
}

/** What is left to do once a machine that was suspended runs: its addresses go with the server again, and nothing else is kept. */
export async function settleIn(target: Target, server: Server, stamp: OwnerStamp, asking: Asking): Promise<Server> {
  if (server.labels[LABEL.first] !== undefined || target.settings.suspend === 'snapshot') {
    await releaseAddresses(target, server, asking);
    await dropSnapshots(target, stamp, 'all', asking);
  }
  return server;
}

/** As before: name, type, place and addresses. Nothing may take the place of the type, because the disk must fit. */
async function thawedBody(target: Target, snapshot: Image, stamp: OwnerStamp, asking: Asking): Promise<object> {
  const labels = snapshot.labels ?? {};
  const [first, type, location] = [labels[LABEL.first], labels[KEPT.type], labels[KEPT.location]];
  if (first === undefined || type === undefined || location === undefined) {
    throw new ProvisionerError(
      'config',
      `Snapshot ${snapshot.id} has lost labels of ours: it does not say what it was`,
    );
  }
  const { settings, catalogue, client } = target;
  const query = [['label_selector', ofOperations([stamp.operation])] as const];
  const [kept, keyId, firewallId] = await Promise.all([
    listAll(client, { path: '/primary_ips', key: 'primary_ips', entry: primaryIp, query }, asking),
    target.key.ensure(asking),
    settings.firewall === undefined ? undefined : catalogue.firewallId(settings.firewall, asking),
  ]);
  const own = kept.entries.filter((address) => carries(address.labels, stamp));
  const [ipv4, ipv6] = ['ipv4', 'ipv6'].map((wanted) => own.find((address) => address.type === wanted)?.id);
  // Without its address the tenant would not find the machine again; that is worse than being told to wait.
  if (labels[KEPT.ipv4] !== undefined && ipv4 === undefined) {
    throw new ProvisionerError(
      'config',
      'The address that was reserved for a suspended machine is gone from the project',
    );
  }
  const ordered = labels[LABEL.ordered];
  return {
    name: machineName(stamp.contract),
    server_type: type,
    location,
    image: String(snapshot.id),
    ssh_keys: [String(keyId)],
    user_data: RESUMED_USER_DATA,
    labels: {
      ...stampLabels(stamp),
      [LABEL.first]: first,
      ...(ordered === undefined ? {} : { [LABEL.ordered]: ordered }),
    },
    public_net: {
      enable_ipv4: ipv4 !== undefined,
      enable_ipv6: true,
      ...(ipv4 === undefined ? {} : { ipv4 }),
      ...(ipv6 === undefined ? {} : { ipv6 }),
    },
    start_after_create: true,
    ...(firewallId === undefined ? {} : { firewalls: [{ firewall: firewallId }] }),
  };
}
