import {
  type CallContext,
  type Clock,
  type ContractId,
  type ExternalId,
  type Instance,
  type Listing,
  type OwnedRef,
  type OwnerStamp,
  ProvisionerError,
  parseContractId,
  sleep,
} from '../../src/provisioner/index.ts';
import type { Backend } from './backend.ts';
import { fromListed } from './instance.ts';
import { readListed } from './wire.ts';

/** What `create` remembers. */
export const HANDLE = {
  externalId: 'external_id',
  /** `begun`: a provision run was started and its outcome is not known. `made`, `failed`: the script told it. `unbegun`: none ever ran. */
  attempt: 'attempt',
} as const;

export interface ScriptListing extends Listing {
  /** What the list shows as belonging to no contract. */
  readonly strangers: ReadonlySet<ExternalId>;
}

export function knownExternalId(ref: OwnedRef): ExternalId | undefined {
  return ref.externalId ?? (ref.handles[HANDLE.externalId] as ExternalId | undefined);
}

/** Every machine of ours. Throws when the script fails; an answer without a list is a failure and not an empty list. */
export async function listMachines({ client, agent }: Backend, ctx: CallContext): Promise<ScriptListing> {
  const reply = await client.request('list', undefined, ctx);
  if (!reply.ok) throw reply.error;
  if (!reply.answer.instances) throw new ProvisionerError('retry', 'The list script answered without "instances".');
  const { listed, malformed } = readListed(reply.answer.instances);
  const instances: Instance[] = [];
  const strangers = new Set<ExternalId>();
  let unreadable = 0;
  for (const entry of listed) {
    const instance = fromListed(entry, agent);
    if (instance !== undefined) instances.push(instance);
    else if (entry.contract === undefined) strangers.add(entry.externalId as ExternalId);
    // A contract that cannot be read might be ours.
    else unreadable += 1;
  }
  const broken = malformed + unreadable;
  if (broken > 0) ctx.log.warn({ malformed, unreadable }, 'list script returned broken entries');
  return { complete: broken === 0 && reply.answer.complete !== false, instances, strangers };
}

/**
 * Which machines the list says belong to this reference. A machine under our external id that carries another stamp, or none, is not
 * ours, whatever the ledger remembers: the id was given away again.
 */
export function machinesOf(ref: OwnedRef, listing: ScriptListing): Instance[] {
  const id = knownExternalId(ref);
  if (id !== undefined) {
    const byId = listing.instances.find(({ externalId }) => externalId === id);
    if (listing.strangers.has(id) || (byId && !carries(byId.stamp, ref.stamp))) throw notOurs(ref.stamp);
  }
  return listing.instances.filter(({ stamp }) => carries(stamp, ref.stamp));
}

/**
 * The machines of this reference by the list; none only when two complete lists in a row say so, because what follows from "none"
 * (making one, calling one gone) is hard to take back, and a backend that has just been restarted may show nothing at first.
 */
export async function findMachines(backend: Backend, ref: OwnedRef, ctx: CallContext): Promise<Instance[]> {
  for (let look = 1; ; look++) {
    const listing = await listMachines(backend, ctx);
    const found = machinesOf(ref, listing);
    if (found.length > 0) return found;
    if (!listing.complete) throw incompleteList();
    if (look === LOOKS) return found;
    await pause(backend.clock, ctx.signal);
  }
}

const LOOKS = 2;
const BETWEEN_LOOKS_MS = 200;

async function pause(clock: Clock, signal: AbortSignal): Promise<void> {
  try {
    await sleep(clock, BETWEEN_LOOKS_MS, signal);
  } catch (cause) {
    throw new ProvisionerError('retry', 'The call was cancelled between two looks at the list.', { cause });
  }
}

/** A list need not tell operations; one that is told must be ours. */
function carries(told: OwnerStamp, ours: OwnerStamp): boolean {
  return told.contract === ours.contract && (told.operation === '' || told.operation === ours.operation);
}

/** `get_instance` need not tell the contract; when it does, it must be ours. `null` says that the machine belongs to none. */
export function assertOurs(told: string | null | undefined, contract: ContractId): void {
  if (told !== undefined && parseContractId(told) !== contract) throw notOurs({ contract });
}

export function notOurs({ contract }: Pick<OwnerStamp, 'contract'>): ProvisionerError {
  return new ProvisionerError(
    'not-ours',
    `The machine under this external id does not carry the stamp of ${contract}.`,
  );
}

export function incompleteList(): ProvisionerError {
  return new ProvisionerError('retry', 'The list is incomplete, so it does not prove what is there.');
}
