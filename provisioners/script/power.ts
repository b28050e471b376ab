import {
  type ExternalId,
  type Instance,
  type Operation,
  type OwnedRef,
  ProvisionerError,
} from '../../src/provisioner/index.ts';
import type { Backend } from './backend.ts';
import { requireMachine } from './describe.ts';
import { toInstance } from './instance.ts';
import { findMachines, knownExternalId } from './ownership.ts';

/** Both are sent only after a list, or where there is none the machine's own description, has said whose the machine is. */
export async function stopMachine(backend: Backend, ref: OwnedRef, op: Operation): Promise<void> {
  await power(backend, 'stop', await findOurs(backend, ref, op), op);
}

export async function startMachine(backend: Backend, ref: OwnedRef, op: Operation): Promise<Instance> {
  const id = await findOurs(backend, ref, op);
  await power(backend, 'start', id, op);
  const wire = await requireMachine(backend, id, ref.stamp.contract, op);
  return toInstance(wire, ref.stamp, 'running', backend.settings);
}

async function power(backend: Backend, action: 'start' | 'stop', id: ExternalId, op: Operation): Promise<void> {
  const reply = await backend.client.request(action, id, op);
  if (!reply.ok) throw reply.error;
}

async function findOurs(backend: Backend, ref: OwnedRef, op: Operation): Promise<ExternalId> {
  const id = knownExternalId(ref);
  if (backend.settings.list === undefined) {
    if (id === undefined) throw new ProvisionerError('retry', 'The external id of this machine is not known.');
    await requireMachine(backend, id, ref.stamp.contract, op);
    return id;
  }
  const machines = await findMachines(backend, ref, op);
  const machine = machines.find(({ externalId }) => externalId === id) ?? machines[0];
  if (machine !== undefined) return machine.externalId;
  throw new ProvisionerError('not-ours', `The list shows no machine of contract ${ref.stamp.contract}.`);
}
