import type { ContractId } from '../ports/ids.ts';

/** Where everything of one provider lives. Throws a TypeError for what is no public key. */
export function providerPath(publicKey: string): string {
  if (!/^[0-9a-f]{64}$/i.test(publicKey)) throw new TypeError('the provider public key has to be 64 hex digits');
  // Lower case: the platform stores bandwidth rows under the very text of the path, where upper case is never found again.
  return `/api/v1/providers/${publicKey.toLowerCase()}`;
}

/** Singular `provider`, and no provider key in the path: so the platform has it. */
export function rentalPath(contract: ContractId, what: string): string {
  return `/api/v1/provider/rental-requests/${contract}/${what}`;
}
