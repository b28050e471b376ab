import { type CallContext, type ContractId, type ExternalId, ProvisionerError } from '../../src/provisioner/index.ts';
import type { Backend } from './backend.ts';
import { assertOurs } from './ownership.ts';
import type { WireInstance } from './wire.ts';

export type Description =
  | { readonly state: 'found'; readonly wire: WireInstance }
  /** The script said it in the one form that means it: success, and "instance" is null. */
  | { readonly state: 'none' }
  | { readonly state: 'refused'; readonly error: ProvisionerError };

/** Asks the script about one machine of this contract. Throws `not-ours` for another's, and whatever makes the answer unclear. */
export async function describeMachine(
  backend: Backend,
  id: ExternalId,
  contract: ContractId,
  ctx: CallContext,
): Promise<Description> {
  const reply = await backend.client.request('get_instance', id, ctx);
  if (!reply.ok) {
    if (reply.outcome === 'refused') return { state: 'refused', error: reply.error };
    throw reply.error;
  }
  const { instance: wire } = reply.answer;
  if (wire === null) return { state: 'none' };
  if (wire === undefined) throw new ProvisionerError('retry', 'get_instance said success without an "instance".');
  if (wire.external_id !== id) throw new ProvisionerError('retry', 'get_instance answered about another machine.');
  assertOurs(wire.contract_id, contract);
  return { state: 'found', wire };
}

/** The same about a machine that has to be there. */
export async function requireMachine(
  backend: Backend,
  id: ExternalId,
  contract: ContractId,
  ctx: CallContext,
): Promise<WireInstance> {
  const described = await describeMachine(backend, id, contract, ctx);
  if (described.state === 'found') return described.wire;
  if (described.state === 'refused') throw described.error;
  throw new ProvisionerError('retry', `The provision script knows no machine ${id}.`);
}
