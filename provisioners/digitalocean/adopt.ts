import {
  type Adoptable,
  type CallContext,
  type ContractId,
  type ExternalId,
  type OwnerStamp,
  ProvisionerError,
  parseContractId,
} from '../../src/provisioner/index.ts';
import { dropletId } from './api.ts';
import { addresses, powerOf } from './instance.ts';
import { agentTag, carries, isBare, orderTag } from './tags.ts';
import type { Target } from './target.ts';
import type { Droplet } from './wire.ts';

/**
 * Droplets that the reference agent made: it writes the contract into the name and into a tag, and both must say the same. It names no
 * agent, so whether they are this provider's is for the operator and the platform to say.
 */
export async function adoptableMachines({ fleet }: Target, { signal }: CallContext): Promise<readonly Adoptable[]> {
  const { all } = await fleet.see({ lane: 'look', signal });
  return all.entries.flatMap((droplet) => {
    const contract = referenceContract(droplet);
    if (contract === undefined || !isBare(droplet.tags)) return [];
    const { ipv4 } = addresses(droplet);
    return [
      {
        externalId: String(droplet.id) as ExternalId,
        contract,
        name: droplet.name,
        evidence: 'its name and its tags name the contract, as the reference agent writes them',
        power: powerOf(droplet),
        ...(ipv4 === undefined ? {} : { ipv4, ssh: { host: ipv4, port: 22, user: 'root' } }),
      },
    ];
  });
}

/** Puts our tags on it, after having read that it still is the reference agent's. What an earlier call began, this one ends. */
export async function adoptMachine(
  target: Target,
  { externalId }: Adoptable,
  stamp: OwnerStamp,
  { signal }: CallContext,
): Promise<void> {
  const asking = { lane: 'make', signal } as const;
  const id = dropletId(externalId);
  const droplet = await target.reader.byId(id, asking);
  if (droplet === undefined) throw new ProvisionerError('retry', `Droplet ${id} is not there any more`);
  if (carries(droplet.tags, stamp)) return;
  const begun = droplet.tags.includes(orderTag(stamp));
  if (referenceContract(droplet) !== stamp.contract || !(begun || isBare(droplet.tags))) {
    throw new ProvisionerError('not-ours', `Droplet ${id} is not one of the reference agent's for this contract`);
  }
  for (const tag of [orderTag(stamp), agentTag(stamp.agent)]) await target.api.tag(id, tag, asking);
}

function referenceContract({ name, tags }: Droplet): ContractId | undefined {
  const contract = parseContractId(/^dc-([0-9a-f]{64})$/.exec(name)?.[1]);
  return contract !== undefined && tags.includes('dc-agent') && tags.includes(`dc-contract-${contract}`)
    ? contract
    : undefined;
}
