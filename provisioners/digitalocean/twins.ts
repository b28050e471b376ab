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

/** The droplet of this operation that stays: the oldest. Of two requests neither knows of the other, but both see that. */
export async function oldestOf(target: Target, running: Droplet, stamp: OwnerStamp, op: Operation): Promise<Droplet> {
  const [oldest] = await findByStamp(target, stamp, { lane: 'make', signal: op.signal });
  return oldest !== undefined && oldest.id < running.id ? oldest : running;
}

/** Removes what other requests of this operation made after the droplet that stays. */
export async function removeLater(target: Target, keep: Droplet, stamp: OwnerStamp, op: Operation): Promise<void> {
  const all = await findByStamp(target, stamp, { lane: 'make', signal: op.signal });
  for (const twin of all.filter(({ id }) => id > keep.id)) {
    op.log.warn(
      { droplet: twin.id, keeping: keep.id },
      'digitalocean: two droplets of one operation, deleting the later',
    );
    await removeDroplet(target, twin.id, stamp, op);
  }
}

/** Removes exactly this second droplet of a stamp. */
export async function removeTwin(target: Target, twin: ExternalId, keep: OwnedRef, op: Operation): Promise<void> {
  const id = dropletId(twin);
  if (id === knownId(keep)) throw new ProvisionerError('permanent', `Droplet ${twin} is the one to be kept`);
  await removeDroplet(target, id, keep.stamp, op);
}
