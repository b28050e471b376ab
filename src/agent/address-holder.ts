import { addressOf, type ContractRecord, type InstanceData } from '../lifecycle/index.ts';
import type { ContractId } from '../ports/ids.ts';

/** What the latest list showed of a contract's machine: not there at all, or where. Undefined: nothing. */
export type Sighting = 'absent' | InstanceData | undefined;

/**
 * Whose machine is at an address already, other than that of `asking`: the contract whose record says so, unless its machine is gone
 * or is seen at another address by now. Backends know many addresses from the guests alone, and a tenant can have a guest say
 * anything: its ports and our questions must not follow it to a neighbour's machine.
 */
export function addressHolder(
  address: string,
  asking: ContractId,
  records: Iterable<ContractRecord>,
  seen: (record: ContractRecord) => Sighting,
): ContractId | undefined {
  for (const record of records) {
    if (record.contract === asking || record.closedAt !== undefined || record.machine !== 'made') continue;
    if ((record.route?.ipv4 ?? addressOf(record.instance)) !== address) continue;
    const sighting = seen(record);
    if (sighting === 'absent') continue;
    const now = addressOf(sighting);
    if (now === undefined || now === address) return record.contract;
  }
  return undefined;
}
