import { machineName, type OwnedRef, type OwnerStamp, ProvisionerError } from '../../src/provisioner/index.ts';
import { dropletId } from './api.ts';
import type { Asking } from './client.ts';
import { carries, isBare, orderTag } from './tags.ts';
import { pause, type Target } from './target.ts';
import type { Droplet } from './wire.ts';

/** The handle under which the id of the droplet is remembered. */
export const DROPLET = 'droplet';

/** The id by which a machine is known; undefined when it was never learnt. */
export function knownId(ref: Pick<OwnedRef, 'externalId' | 'handles'>): number | undefined {
  const text = ref.externalId ?? ref.handles[DROPLET];
  return text === undefined ? undefined : dropletId(text);
}

type Finder = Pick<Target, 'api' | 'reader' | 'clock'>;

/** Tags are applied after a droplet was made: seconds, as far as is known. One that is older and has none is somebody else's. */
const UNTAGGED_FOR_MS = 60_000;
const PAUSE_MS = 1_000;

/**
 * Every droplet that carries exactly this stamp, oldest first. Two ways to look, since a list that is wrongly empty would make a
 * machine vanish, and since tags come later than the droplet: by the tag of the operation, and by the name. A young droplet of our
 * name without any tags is waited for: it may be ours.
 */
export async function findByStamp(target: Finder, stamp: OwnerStamp, asking: Asking): Promise<readonly Droplet[]> {
  const patience = waitingForTags(target);
  for (;;) {
    const [tagged, named] = await Promise.all([
      target.api.droplets({ tag_name: orderTag(stamp) }, asking),
      target.api.droplets({ name: machineName(stamp.contract) }, asking),
    ]);
    const found = new Map([...tagged.entries, ...named.entries].map((each) => [each.id, each]));
    const ours = [...found.values()].filter(({ tags }) => carries(tags, stamp)).sort(byAge);
    if (ours.length === 0 && !(tagged.complete && named.complete)) throw new ProvisionerError('retry', NOT_ALL);
    if (!named.entries.some((each) => mayBeUnderWay(each, target)) || patience.isOver()) return ours;
    await pause(target, PAUSE_MS, asking.signal);
  }
}

const NOT_ALL = 'DigitalOcean could not list all droplets, so none can be called absent';

/** Ids rise with time; the oldest of two is the one that whoever asks first was told of. */
function byAge(a: Droplet, b: Droplet): number {
  return a.id - b.id;
}

/** Bounds a wait whatever the clocks say: this host's may be wrong, and then a droplet never grows old. */
function waitingForTags({ clock }: Pick<Target, 'clock'>): { isOver(): boolean } {
  const began = clock.monotonic();
  return { isOver: () => clock.monotonic() - began > UNTAGGED_FOR_MS };
}

/** Made a moment ago, by whomever, and without the mark of any agent as yet. */
export function mayBeUnderWay({ tags, created_at }: Droplet, { clock }: Pick<Target, 'clock'>): boolean {
  const age = clock.now() - Date.parse(created_at ?? '');
  return isBare(tags) && age < UNTAGGED_FOR_MS;
}

/**
 * The droplet of this reference, just read and proven to carry its stamp; undefined when there is none. Throws `not-ours` when
 * the id belongs to something else.
 */
export async function findOwned(target: Finder, ref: OwnedRef, asking: Asking): Promise<Droplet | undefined> {
  const id = knownId(ref);
  if (id !== undefined) {
    const droplet = await ofOurName(target, id, ref.stamp, asking);
    if (droplet !== undefined) return mustCarry(droplet, ref.stamp);
  }
  // A path that does not exist answers as a droplet does that is gone: only lists, which must answer well, make it certain.
  return (await findByStamp(target, ref.stamp, asking))[0];
}

/** By its id; one of our name whose tags are still to come is waited for. */
export async function ofOurName(
  target: Finder,
  id: number,
  stamp: OwnerStamp,
  asking: Asking,
): Promise<Droplet | undefined> {
  const patience = waitingForTags(target);
  for (;;) {
    const droplet = await target.reader.byId(id, asking);
    if (droplet === undefined || droplet.name !== machineName(stamp.contract)) return droplet;
    if (!mayBeUnderWay(droplet, target) || patience.isOver()) return droplet;
    await pause(target, PAUSE_MS, asking.signal);
  }
}

export function mustCarry(droplet: Droplet, stamp: OwnerStamp): Droplet {
  if (carries(droplet.tags, stamp)) return droplet;
  const what = `Droplet ${droplet.id} does not carry the stamp of this contract and operation`;
  throw new ProvisionerError('not-ours', what);
}
