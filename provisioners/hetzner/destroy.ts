import {
  type ExternalId,
  isProvisionerError,
  type Operation,
  type OwnedRef,
  ProvisionerError,
} from '../../src/provisioner/index.ts';
import { serverId } from './api.ts';
import { findByStamp, knownId } from './find.ts';
import { removeLeftovers } from './leftovers.ts';
import { removeServer } from './remove.ts';
import type { Target } from './target.ts';

/**
 * Removes every server with exactly this stamp, then what such servers leave: reserved addresses, snapshots, volumes. Resolves
 * when the API shows none of it any more. Whatever breaks it off, it can be called again and goes on.
 */
export async function destroyMachine(target: Target, ref: OwnedRef, op: Operation): Promise<void> {
  const asking = { lane: 'remove', signal: op.signal } as const;
  const id = knownId(ref);
  const stranger = id === undefined ? undefined : await removeUnlessForeign(target, id, ref, op);
  const left = await findByStamp(target, ref.stamp, asking);
  for (const server of left) await removeServer(target, server.id, ref.stamp, op);
  await removeLeftovers(target, ref.stamp, op);
  // Somebody else's server has our id, and ours was not found under any other.
  if (stranger !== undefined && left.length === 0) throw stranger;
}

/** Removes exactly this second server of a stamp. */
export async function removeTwin(target: Target, twin: ExternalId, keep: OwnedRef, op: Operation): Promise<void> {
  const id = serverId(twin);
  if (id === knownId(keep)) throw new ProvisionerError('permanent', `Server ${twin} is the one to be kept`);
  await removeServer(target, id, keep.stamp, op);
}

async function removeUnlessForeign(
  target: Target,
  id: number,
  ref: OwnedRef,
  op: Operation,
): Promise<ProvisionerError | undefined> {
  try {
    await removeServer(target, id, ref.stamp, op);
    return undefined;
  } catch (error) {
    if (!isProvisionerError(error) || error.kind !== 'not-ours') throw error;
    return error;
  }
}
