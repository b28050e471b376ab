import {
  type ExternalId,
  type Instance,
  type Operation,
  type OwnedRef,
  ProvisionerError,
} from '../../src/provisioner/index.ts';
import type { Backend } from './backend.ts';
import { fetchMachine } from './create.ts';
import { toInstance } from './instance.ts';
import { assertOurs, HANDLE, knownExternalId, listMachines, machinesOf } from './ownership.ts';

/**
 * Removes what was made for this reference. With a list, the list says what that is, and afterwards that it is gone. Without one
 * there are only the external id and the script's word.
 */
export async function destroyMachine(backend: Backend, ref: OwnedRef, op: Operation): Promise<void> {
  if (backend.settings.list === undefined) return destroyByWord(backend, ref, op);
  const listing = await listMachines(backend, op);
  const machines = machinesOf(ref, listing);
  if (machines.length === 0 && !listing.complete) throw incomplete();
  for (const { externalId } of machines) await terminate(backend, externalId, op);
  if (machines.length === 0) return;

  const after = await listMachines(backend, op);
  const left = machinesOf(ref, after);
  if (left.length > 0)
    throw new ProvisionerError('retry', `Terminate succeeded but machine ${left[0]?.externalId} is still listed.`);
  if (!after.complete) throw incomplete();
}

/** Powers a machine of ours off or on, once the list (where there is one) says that it is ours. */
export async function power(
  backend: Backend,
  action: 'start' | 'stop',
  ref: OwnedRef,
  op: Operation,
): Promise<ExternalId> {
  const id = await findOurs(backend, ref, op);
  const reply = await backend.client.request(action, id, op);
  if (!reply.ok) throw reply.error;
  return id;
}

export async function startMachine(backend: Backend, ref: OwnedRef, op: Operation): Promise<Instance> {
  const id = await power(backend, 'start', ref, op);
  const wire = await fetchMachine(backend, id, op);
  assertOurs(wire.contract_id, ref.stamp.contract);
  return toInstance(wire, ref.stamp, 'running', backend.settings);
}

async function destroyByWord(backend: Backend, ref: OwnedRef, op: Operation): Promise<void> {
  const id = knownExternalId(ref);
  if (id !== undefined) return terminate(backend, id, op);
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

async function findOurs(backend: Backend, ref: OwnedRef, op: Operation): Promise<ExternalId> {
  if (backend.settings.list === undefined) {
    const id = knownExternalId(ref);
    if (id === undefined) throw new ProvisionerError('retry', 'The external id of this machine is not known.');
    return id;
  }
  const listing = await listMachines(backend, op);
  const machines = machinesOf(ref, listing);
  const machine = machines.find(({ externalId }) => externalId === knownExternalId(ref)) ?? machines[0];
  if (machine !== undefined) return machine.externalId;
  if (!listing.complete) throw incomplete();
  throw new ProvisionerError('not-ours', `The list shows no machine for contract ${ref.stamp.contract}.`);
}

function incomplete(): ProvisionerError {
  return new ProvisionerError('retry', 'The list is incomplete, so it does not prove what is there.');
}
