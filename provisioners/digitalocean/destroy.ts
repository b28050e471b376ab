import { z } from 'zod';
import {
  isProvisionerError,
  type Operation,
  type OwnedRef,
  type OwnerStamp,
  ProvisionerError,
} from '../../src/provisioner/index.ts';
import { findByStamp, knownId } from './find.ts';
import { removeDroplet } from './remove.ts';
import { orderTag } from './tags.ts';
import { pause, type Target } from './target.ts';
import { tagAnswer } from './wire.ts';

/** Deletions that were seen done may show in lists for some seconds more. */
const ROUNDS = 10;
const PAUSE_MS = 2_000;

/**
 * Removes every droplet with exactly this stamp. Resolves when lists by tag and by name, both complete, show none. Whatever breaks
 * it off, it can be called again and goes on.
 */
export async function destroyMachine(target: Target, ref: OwnedRef, op: Operation): Promise<void> {
  const asking = { lane: 'remove', signal: op.signal } as const;
  const id = knownId(ref);
  const stranger = id === undefined ? undefined : await removeUnlessForeign(target, id, ref, op);
  for (let rounds = 1; ; rounds++) {
    const left = await findByStamp(target, ref.stamp, asking);
    if (left.length === 0) break;
    if (rounds >= ROUNDS) throw new ProvisionerError('retry', `${left.length} deleted droplets are still in the list`);
    for (const droplet of left) await removeDroplet(target, droplet.id, ref.stamp, op);
    if (rounds > 1) await pause(target, PAUSE_MS, op.signal);
  }
  // Somebody else's droplet has our id: ours is gone, or was never that one.
  if (stranger !== undefined) throw stranger;
  await dropTag(target, ref.stamp, op);
}

async function removeUnlessForeign(
  target: Target,
  id: number,
  ref: OwnedRef,
  op: Operation,
): Promise<ProvisionerError | undefined> {
  try {
    await removeDroplet(target, id, ref.stamp, op);
    return undefined;
  } catch (error) {
    if (!isProvisionerError(error) || error.kind !== 'not-ours') throw error;
    return error;
  }
}

/** Tags outlive what had them, and every operation has one: it is taken away when nothing has it. Where it may not be, it stays. */
async function dropTag({ client }: Target, stamp: OwnerStamp, { signal, log }: Operation): Promise<void> {
  const path = `/tags/${orderTag(stamp)}`;
  const call = { lane: 'remove', signal, path, expects: ['absent', 'rights'] } as const;
  const tag = await client.call({ ...call, doing: 'show a tag', method: 'GET', answer: tagAnswer });
  if (!tag.ok || tag.value.tag.resources.count > 0) return;
  const gone = await client.call({ ...call, doing: 'delete a tag', method: 'DELETE', answer: z.unknown() });
  if (!gone.ok) log.debug({ refusal: gone.refusal.text }, 'digitalocean: the tag of an ended operation stays');
}
