import { machineName, type OwnedRef, type OwnerStamp, ProvisionerError } from '../../src/provisioner/index.ts';
import { instanceId } from './api.ts';
import type { Asking } from './client.ts';
import type { Page } from './pages.ts';
import { carries, ofOperation } from './tags.ts';
import type { Target } from './target.ts';
import type { VultrInstance } from './wire.ts';

/** The handles under which is remembered: the id of the instance, when one was last ordered, and where. */
export const HANDLE = { instance: 'instance', asked: 'asked', endpoint: 'endpoint' } as const;

type Known = Pick<OwnedRef, 'externalId' | 'handles'>;
type Looking = Pick<Target, 'api' | 'settings' | 'clock'>;

/**
 * For so long an instance may be missing from lists although it was made: tags and labels come late there, and a request that was
 * sent may still be on its way.
 */
const SETTLE_MS = 45_000;

/** The id by which a machine is known here; undefined when it was never learnt. */
export function knownId({ settings }: Pick<Target, 'settings'>, { externalId, handles }: Known): string | undefined {
  const text = externalId ?? handles[HANDLE.instance];
  if (text === undefined) return undefined;
  const endpoint = handles[HANDLE.endpoint];
  if (endpoint !== undefined && endpoint !== settings.endpoint) {
    // Another endpoint would say of any id that there is none.
    throw new ProvisionerError('config', `Instance ${text} was made at ${endpoint}: set that as endpoint again`);
  }
  return instanceId(text);
}

/** ms until lists show whatever an earlier request of this operation made. */
export function unsettledMs({ clock }: Pick<Target, 'clock'>, { handles }: Pick<OwnedRef, 'handles'>): number {
  const asked = Number(handles[HANDLE.asked] ?? Number.NaN);
  if (Number.isNaN(asked)) return 0;
  // A clock that was set back must not make anybody wait for longer.
  return Math.min(SETTLE_MS, Math.max(0, asked + SETTLE_MS - clock.now()));
}

/**
 * Every instance that carries exactly this stamp, oldest first. Two ways to look, since a list that is wrongly empty would make a
 * machine vanish: by the tag of the operation, and by the label. Neither is unique.
 */
export async function lookForStamp({ api }: Looking, stamp: OwnerStamp, asking: Asking): Promise<Page<VultrInstance>> {
  const [tagged, labelled] = await Promise.all([
    api.instances([['tag', ofOperation(stamp.operation)]], asking),
    api.instances([['label', machineName(stamp.contract)]], asking),
  ]);
  const found = new Map([...tagged.entries, ...labelled.entries].map((each) => [each.id, each]));
  const entries = [...found.values()].filter((each) => carries(each, stamp)).toSorted(byAge);
  return { complete: tagged.complete && labelled.complete, entries };
}

/** The same, where finding none must mean that there is none. */
export async function findByStamp(
  target: Looking,
  stamp: OwnerStamp,
  asking: Asking,
): Promise<readonly VultrInstance[]> {
  const { complete, entries } = await lookForStamp(target, stamp, asking);
  if (complete || entries.length > 0) return entries;
  throw new ProvisionerError('retry', 'Vultr could not list all instances, so none can be called absent');
}

/**
 * The instance of this reference, just read and proven to carry its stamp; undefined when there is none. Throws `not-ours` when
 * the id belongs to something else.
 */
export async function findOwned(
  target: Looking & Pick<Target, 'reader'>,
  ref: OwnedRef,
  asking: Asking,
): Promise<VultrInstance | undefined> {
  const id = knownId(target, ref);
  const instance = id === undefined ? undefined : await target.reader.byId(id, asking);
  if (instance !== undefined) return mustCarry(instance, ref.stamp);
  const found = await findByStamp(target, ref.stamp, asking);
  if (id === undefined && found.length === 0 && unsettledMs(target, ref) > 0) {
    throw new ProvisionerError('retry', 'An instance was ordered a moment ago, and may not show yet');
  }
  if (id === undefined) return found[0];
  if (!found.some((each) => each.id === id)) return undefined;
  throw new ProvisionerError('retry', `Vultr says that there is no instance ${id}, and lists it`);
}

export function mustCarry(instance: VultrInstance, stamp: OwnerStamp): VultrInstance {
  if (carries(instance, stamp)) return instance;
  throw new ProvisionerError(
    'not-ours',
    `Instance ${instance.id} does not carry the stamp of this contract and operation`,
  );
}

/** Oldest first. Times are given in seconds; of two of the same second the ids decide, so that everybody keeps the same one. */
export function byAge(a: VultrInstance, b: VultrInstance): number {
  const [one, other] = [Date.parse(a.date_created ?? ''), Date.parse(b.date_created ?? '')];
  if (one !== other && !Number.isNaN(one) && !Number.isNaN(other)) return one - other;
  return a.id < b.id ? -1 : 1;
}
