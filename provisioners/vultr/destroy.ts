import {
  type ExternalId,
  isProvisionerError,
  type Operation,
  type OwnedRef,
  ProvisionerError,
} from '../../src/provisioner/index.ts';
import { instanceId } from './api.ts';
import { findByStamp, knownId, unsettledMs } from './find.ts';
import { removeInstance } from './remove.ts';
import { pause, type Target } from './target.ts';
import type { VultrInstance } from './wire.ts';

const LOOK_AGAIN_MS = 5_000;

/**
 * Removes every instance with exactly this stamp. Resolves when the API shows none any more, by id and by two lists, and no earlier
 * than lists have settled after the last order. Whatever breaks it off, it can be called again and goes on.
 */
export async function destroyMachine(target: Target, ref: OwnedRef, op: Operation): Promise<void> {
  const id = knownId(target, ref);
  const stranger = id === undefined ? undefined : await removeUnlessForeign(target, id, ref, op);
  const left = await settled(target, ref, op);
  for (const instance of left) await removeInstance(target, instance.id, ref.stamp, op);
  // Somebody else's instance has our id, and ours was not found under any other.
  if (stranger !== undefined && left.length === 0) throw stranger;
}

/** Removes exactly this second instance of a stamp. */
export async function removeTwin(target: Target, twin: ExternalId, keep: OwnedRef, op: Operation): Promise<void> {
  const id = instanceId(twin);
  if (id === knownId(target, keep)) throw new ProvisionerError('permanent', `Instance ${twin} is the one to be kept`);
  await removeInstance(target, id, keep.stamp, op);
}

async function settled(target: Target, ref: OwnedRef, op: Operation): Promise<readonly VultrInstance[]> {
  for (;;) {
    const found = await findByStamp(target, ref.stamp, { lane: 'remove', signal: op.signal });
    // An instance whose id is known was ordered once and found; only an order without an answer can still come late.
    const left = knownId(target, ref) === undefined ? unsettledMs(target, ref) : 0;
    if (found.length > 0 || left <= 0) return found;
    await pause(target, Math.min(left, LOOK_AGAIN_MS), op.signal);
  }
}

async function removeUnlessForeign(
  target: Target,
  id: string,
  ref: OwnedRef,
  op: Operation,
): Promise<ProvisionerError | undefined> {
  try {
    await removeInstance(target, id, ref.stamp, op);
    return undefined;
  } catch (error) {
    if (!isProvisionerError(error) || error.kind !== 'not-ours') throw error;
    return error;
  }
}
