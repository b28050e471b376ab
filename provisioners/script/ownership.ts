import {
  type CallContext,
  type ContractId,
  type ExternalId,
  type Instance,
  type Listing,
  type OwnedRef,
  ProvisionerError,
  parseContractId,
} from '../../src/provisioner/index.ts';
import type { Backend } from './backend.ts';
import { fromListed } from './instance.ts';
import { readListed } from './wire.ts';

/** What `create` remembers. */
export const HANDLE = {
  externalId: 'external_id',
  /** `begun`: a provision run was started and its outcome is not known. `settled`: it is. */
  attempt: 'attempt',
} as const;

export function knownExternalId(ref: OwnedRef): ExternalId | undefined {
  return ref.externalId ?? (ref.handles[HANDLE.externalId] as ExternalId | undefined);
}

/** Every machine of ours. Throws when the script fails; an answer without a list is a failure and not an empty list. */
export async function listMachines({ client, agent }: Backend, ctx: CallContext): Promise<Listing> {
  const reply = await client.request('list', undefined, ctx);
  if (!reply.ok) throw reply.error;
  if (!reply.answer.instances) throw new ProvisionerError('retry', 'The list script answered without "instances".');
  const { listed, malformed } = readListed(reply.answer.instances);
  const instances: Instance[] = [];
  let foreign = 0;
  for (const entry of listed) {
    const instance = fromListed(entry, agent);
    if (instance !== undefined) instances.push(instance);
    // No contract at all is a machine that is not for us; one that cannot be read might be ours.
    else if (entry.contract !== undefined) foreign += 1;
  }
  if (malformed + foreign > 0) ctx.log.warn({ malformed, unreadable: foreign }, 'list script returned broken entries');
  return { complete: malformed + foreign === 0, instances };
}

/**
 * Which machines the list says belong to this reference. A machine under our external id that carries another contract is not ours,
 * whatever the ledger remembers: the id was given away again.
 */
export function machinesOf(ref: OwnedRef, listing: Listing): Instance[] {
  const id = knownExternalId(ref);
  const byId = listing.instances.find((instance) => instance.externalId === id);
  if (byId !== undefined && byId.stamp.contract !== ref.stamp.contract) throw notOurs(ref.stamp.contract);
  return listing.instances.filter(
    ({ externalId, stamp }) =>
      stamp.contract === ref.stamp.contract &&
      (externalId === id || stamp.operation === '' || stamp.operation === ref.stamp.operation),
  );
}

/** `get_instance` need not tell the contract; when it does, it must be ours. */
export function assertOurs(told: string | null | undefined, contract: ContractId): void {
  if (told && parseContractId(told) !== contract) throw notOurs(contract);
}

function notOurs(contract: ContractId): ProvisionerError {
  return new ProvisionerError('not-ours', `The machine under this external id does not carry contract ${contract}.`);
}
