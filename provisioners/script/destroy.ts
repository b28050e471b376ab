import { type ExternalId, type Operation, type OwnedRef, ProvisionerError } from '../../src/provisioner/index.ts';
import type { Backend } from './backend.ts';
import { describeMachine } from './describe.ts';
import {
  findMachines,
  HANDLE,
  incompleteList,
  knownExternalId,
  listMachines,
  machinesOf,
  notOurs,
} from './ownership.ts';

/**
 * Removes what was made for this reference. With a list, the list says what that is, and afterwards that it is gone. Without one
 * there are only the external id and the script's word.
 */
export async function destroyMachine(backend: Backend, ref: OwnedRef, op: Operation): Promise<void> {
  if (backend.settings.list === undefined) return destroyByWord(backend, ref, op);
  const machines = await findMachines(backend, ref, op);
  for (const { externalId } of machines) await terminate(backend, externalId, op);
  if (machines.length === 0) return;

  const after = await listMachines(backend, op);
  const [left] = machinesOf(ref, after);
  if (left !== undefined) throw stillThere(left.externalId);
  if (!after.complete) throw incompleteList();
}

/** Removes a second machine of the same operation. Only a list that tells operations can show that it is one. */
export async function removeTwin(backend: Backend, twin: ExternalId, keep: OwnedRef, op: Operation): Promise<void> {
  if (twin === knownExternalId(keep)) throw new ProvisionerError('not-ours', `Machine ${twin} is the one to keep.`);
  const listing = await listMachines(backend, op);
  const found = listing.instances.find(({ externalId }) => externalId === twin);
  if (found === undefined) {
    if (listing.strangers.has(twin)) throw notOurs(keep.stamp);
    if (!listing.complete) throw incompleteList();
    return;
  }
  const { contract, operation } = found.stamp;
  if (contract !== keep.stamp.contract || operation !== keep.stamp.operation) throw notOurs(keep.stamp);
  await terminate(backend, twin, op);
  const after = await listMachines(backend, op);
  if (after.instances.some(({ externalId }) => externalId === twin)) throw stillThere(twin);
  if (!after.complete) throw incompleteList();
}

async function destroyByWord(backend: Backend, ref: OwnedRef, op: Operation): Promise<void> {
  const id = knownExternalId(ref);
  if (id !== undefined) {
    const described = await describeMachine(backend, id, ref.stamp.contract, op);
    if (described.state === 'refused') throw described.error;
    // Also when there is no machine any more: an earlier run may have been cut off before it had cleaned up behind it.
    await terminate(backend, id, op);
    if (described.state === 'none') return;
    const after = await describeMachine(backend, id, ref.stamp.contract, op);
    if (after.state === 'found') throw stillThere(id);
    return;
  }
  if (ref.handles[HANDLE.attempt] !== 'begun') return;
  throw new ProvisionerError(
    'unknown-outcome',
    `A provision run for contract ${ref.stamp.contract} (operation ${ref.stamp.operation}) on target ${backend.target} was cut off before it ` +
      'told what it made, and without a list script it cannot be looked up. Look for that operation on the backend and remove ' +
      'what it left, or configure "list".',
  );
}

async function terminate(backend: Backend, id: ExternalId, op: Operation): Promise<void> {
  const reply = await backend.client.request('terminate', id, op);
  if (!reply.ok) throw reply.error;
}

function stillThere(id: ExternalId): ProvisionerError {
  return new ProvisionerError('retry', `Terminate succeeded but machine ${id} is still there.`);
}
