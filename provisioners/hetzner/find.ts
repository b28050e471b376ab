import { machineName, type OwnedRef, type OwnerStamp, ProvisionerError } from '../../src/provisioner/index.ts';
import { type HetznerApi, serverId } from './api.ts';
import type { Asking } from './client.ts';
import { carries, LABEL } from './labels.ts';
import type { Reader } from './reader.ts';
import type { Server } from './wire.ts';

/** The handle under which the id of the server is remembered. */
export const SERVER = 'server';

/** The id by which a machine is known; undefined when it was never learnt. */
export function knownId(ref: Pick<OwnedRef, 'externalId' | 'handles'>): number | undefined {
  const text = ref.externalId ?? ref.handles[SERVER];
  return text === undefined ? undefined : serverId(text);
}

/**
 * Every server that carries exactly this stamp. Two ways to look, since a list that is wrongly empty would make a machine
 * vanish: by the labels, and by the name, which is unique in a project.
 */
export async function findByStamp(
  { api, reader }: { api: HetznerApi; reader: Reader },
  stamp: OwnerStamp,
  asking: Asking,
): Promise<readonly Server[]> {
  const [labelled, named] = await Promise.all([
    reader.byStamp(stamp, asking),
    api.servers([['name', machineName(stamp.contract)]], asking),
  ]);
  if (!named.complete && labelled.length === 0) {
    throw new ProvisionerError('retry', 'Hetzner showed a server of our name that cannot be read');
  }
  const found = new Map([...labelled, ...named.entries].map((server) => [server.id, server]));
  return [...found.values()].filter(({ labels }) => carries(labels, stamp)).toSorted((a, b) => a.id - b.id);
}

/**
 * The server of this reference, just read and proven to carry its stamp; undefined when there is none. Throws `not-ours` when
 * the id belongs to something else.
 */
export async function findOwned(
  { api, reader }: { api: HetznerApi; reader: Reader },
  ref: OwnedRef,
  asking: Asking,
): Promise<Server | undefined> {
  const id = knownId(ref);
  if (id === undefined) return (await findByStamp({ api, reader }, ref.stamp, asking))[0];
  const server = await reader.byId(id, ref.stamp, asking);
  if (server !== undefined) return mustCarry(server, ref.stamp);
  // A machine that was suspended and resumed is another server, and says so.
  return (await reader.byStamp(ref.stamp, asking)).find(({ labels }) => labels[LABEL.first] === String(id));
}

export function mustCarry(server: Server, stamp: OwnerStamp): Server {
  if (carries(server.labels, stamp)) return server;
  throw new ProvisionerError('not-ours', `Server ${server.id} does not carry the stamp of this contract and operation`);
}
