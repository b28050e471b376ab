import {
  type ExternalId,
  type Operation,
  type OwnedRef,
  type OwnerStamp,
  ProvisionerError,
} from '../../src/provisioner/index.ts';
import { dropletId } from './api.ts';
import { findByStamp, knownId } from './find.ts';
import { removeDroplet } from './remove.ts';
import type { Target } from './target.ts';
import type { Droplet } from './wire.ts';

/**
 * Removes what other requests of this operation made beside the droplet that stays, which is the oldest: `running`, or else an older
 * one that has shown meanwhile; then the create is to be tried again, and finds that.
 */
export async function keepOldest(target: Target, running: Droplet, stamp: OwnerStamp, op: Operation): Promise<Droplet> {
  const all = await findByStamp(target, stamp, { lane: 'make', signal: op.signal });
  for (const twin of all.filter(({ id }) => id !== running.id)) {
    if (twin.id < running.id) {
      throw new ProvisionerError('retry', `Droplet ${twin.id} of the same operation is older, and is the one to keep`);
    }
    op.log.warn(
      { droplet: twin.id, keeping: running.id },
      'digitalocean: two droplets of one operation, deleting the later',
    );
    await removeDroplet(target, twin.id, stamp, op);
  }
  return running;
}

/** Removes exactly this second droplet of a stamp. */
export async function removeTwin(target: Target, twin: ExternalId, keep: OwnedRef, op: Operation): Promise<void> {
  const id = dropletId(twin);
  if (id === knownId(keep)) throw new ProvisionerError('permanent', `Droplet ${twin} is the one to be kept`);
  await removeDroplet(target, id, keep.stamp, op);
}
