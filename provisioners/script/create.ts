import {
  type ExternalId,
  type Instance,
  type MachineOrder,
  type Operation,
  ProvisionerError,
} from '../../src/provisioner/index.ts';
import type { Backend } from './backend.ts';
import type { Reply } from './client.ts';
import { toInstance } from './instance.ts';
import { assertOurs, HANDLE, listMachines } from './ownership.ts';
import type { WireInstance } from './wire.ts';

/**
 * Makes the machine, or finds the one that an earlier attempt has made:
 * 1. its external id is remembered: ask for it by that;
 * 2. an attempt's outcome was never learnt and there is a list: look there for the contract;
 * 3. run provision, with the same operation id each time, so that the script itself can recognise the attempt.
 */
export async function createMachine(backend: Backend, order: MachineOrder, op: Operation): Promise<Instance> {
  const remembered = op.handles[HANDLE.externalId];
  if (remembered !== undefined) {
    const reply = await backend.client.request('get_instance', remembered, op);
    if (reply.ok) return finished(backend, order, instanceOf(reply.answer.instance, 'retry'));
    if (reply.outcome !== 'refused') throw reply.error;
    op.log.info({ externalId: remembered }, 'script does not know the remembered machine');
  }
  const uncertain = remembered !== undefined || op.outcomeUnknown || op.handles[HANDLE.attempt] === 'begun';
  if (uncertain && backend.settings.list !== undefined) {
    const adopted = await adopt(backend, order, op);
    if (adopted !== undefined) return adopted;
  }
  return provision(backend, order, op);
}

async function provision(backend: Backend, order: MachineOrder, op: Operation): Promise<Instance> {
  const before = op.handles[HANDLE.attempt];
  await op.remember(HANDLE.attempt, 'begun');
  const reply = await backend.client.provision(order, op.id, op);
  await rememberOutcome(reply, before, op);
  if (!reply.ok) throw reply.error;
  return finished(backend, order, instanceOf(reply.answer.instance, 'unknown-outcome'));
}

async function rememberOutcome(reply: Reply, before: string | undefined, op: Operation): Promise<void> {
  const externalId = reply.ok ? reply.answer.instance?.external_id : reply.externalId;
  if (externalId !== undefined) await op.remember(HANDLE.externalId, externalId);
  if (reply.ok || reply.outcome === 'unknown') return;
  // A script that never ran this time may have run an earlier time.
  await op.remember(HANDLE.attempt, reply.outcome === 'never-ran' ? (before ?? 'settled') : 'settled');
}

/** The machine that the list shows for this contract; undefined when a complete list shows none. */
async function adopt(backend: Backend, order: MachineOrder, op: Operation): Promise<Instance | undefined> {
  const listing = await listMachines(backend, op);
  const candidates = listing.instances.filter(({ stamp }) => stamp.contract === order.stamp.contract);
  const found = candidates.find(({ stamp }) => stamp.operation === op.id) ?? candidates[0];
  if (found === undefined) {
    if (listing.complete) return undefined;
    throw new ProvisionerError(
      'unknown-outcome',
      'The list is incomplete: an earlier attempt may have made a machine.',
    );
  }
  if (candidates.length > 1) op.log.warn({ machines: candidates.length }, 'contract has several machines, took one');
  await op.remember(HANDLE.externalId, found.externalId);
  if (found.power === 'stopped' && backend.settings.start !== undefined) {
    const started = await backend.client.request('start', found.externalId, op);
    if (!started.ok) throw started.error;
  }
  return finished(backend, order, await fetchMachine(backend, found.externalId, op));
}

/** The script's own description of a machine that is known to exist. */
export async function fetchMachine(backend: Backend, id: ExternalId, op: Operation): Promise<WireInstance> {
  const reply = await backend.client.request('get_instance', id, op);
  if (!reply.ok) throw reply.error;
  return instanceOf(reply.answer.instance, 'retry');
}

function instanceOf(wire: WireInstance | null | undefined, otherwise: 'retry' | 'unknown-outcome'): WireInstance {
  if (wire) return wire;
  throw new ProvisionerError(otherwise, 'The provision script said success without an "instance".');
}

/** A backend may need time to find an address. Its machine is remembered by then, so the next attempt only asks again. */
function finished({ settings }: Backend, order: MachineOrder, wire: WireInstance): Instance {
  assertOurs(wire.contract_id, order.stamp.contract);
  const instance = toInstance(wire, order.stamp, 'running', settings);
  if (settings.ready_check === 'ssh' && instance.ssh === undefined) {
    throw new ProvisionerError('retry', `Machine ${instance.externalId} has no address yet.`);
  }
  return instance;
}
