import {
  type ExternalId,
  type Instance,
  type MachineOrder,
  type Operation,
  ProvisionerError,
} from '../../src/provisioner/index.ts';
import type { Backend } from './backend.ts';
import type { Reply } from './client.ts';
import { describeMachine, requireMachine } from './describe.ts';
import { toInstance } from './instance.ts';
import { assertOurs, findMachines, HANDLE } from './ownership.ts';
import type { WireInstance } from './wire.ts';

/**
 * Makes the machine, or finds the one that an earlier attempt has made:
 * 1. its external id is remembered: ask for it by that;
 * 2. an attempt's outcome was never learnt and there is a list: look there for the contract;
 * 3. run provision, with the same operation id each time, so that the script itself can recognise the attempt.
 */
export async function createMachine(backend: Backend, order: MachineOrder, op: Operation): Promise<Instance> {
  const earlier = await earlierMachine(backend, order, op);
  return earlier === undefined ? provision(backend, order, op) : finished(backend, order, earlier);
}

/** The finished machine of an earlier attempt; undefined when provision has to be run. */
async function earlierMachine(backend: Backend, order: MachineOrder, op: Operation): Promise<WireInstance | undefined> {
  const attempt = op.handles[HANDLE.attempt];
  // What a failed run has left is no machine to hand over; provision gets the same operation again.
  if (attempt === 'failed') return undefined;
  const remembered = op.handles[HANDLE.externalId] as ExternalId | undefined;
  if (remembered !== undefined) {
    const described = await describeMachine(backend, remembered, order.stamp.contract, op);
    if (described.state === 'found') return switchedOn(backend, order, described.wire, op);
    op.log.info({ externalId: remembered }, 'script does not show the remembered machine');
  }
  const uncertain = remembered !== undefined || op.outcomeUnknown || attempt === 'begun';
  if (!uncertain || backend.settings.list === undefined) return undefined;
  return adopt(backend, order, op);
}

/** The machine that the list shows for this operation; undefined when a complete list shows none, or only an unfinished one. */
async function adopt(backend: Backend, order: MachineOrder, op: Operation): Promise<WireInstance | undefined> {
  const found = await findMachines(backend, { stamp: order.stamp, handles: op.handles }, op);
  const machine = found.find(({ stamp }) => stamp.operation === op.id) ?? found[0];
  if (machine === undefined) return undefined;
  if (found.length > 1) op.log.warn({ machines: found.length }, 'contract has several machines, took one');
  await op.remember(HANDLE.externalId, machine.externalId);
  const described = await describeMachine(backend, machine.externalId, order.stamp.contract, op);
  if (described.state === 'found') {
    return switchedOn(backend, order, { ...described.wire, status: described.wire.status ?? asStatus(machine) }, op);
  }
  // A script that keeps operation ids recognises this one and finishes it; any other would make a second machine.
  if (machine.stamp.operation === op.id) return undefined;
  if (described.state === 'refused') throw described.error;
  throw new ProvisionerError('retry', `The list shows machine ${machine.externalId}, get_instance does not.`);
}

function asStatus({ power }: Instance): 'running' | 'stopped' | undefined {
  return power === 'running' || power === 'stopped' ? power : undefined;
}

async function switchedOn(
  backend: Backend,
  order: MachineOrder,
  wire: WireInstance,
  op: Operation,
): Promise<WireInstance> {
  if (wire.status !== 'stopped' || backend.settings.start === undefined) return wire;
  const id = wire.external_id as ExternalId;
  const started = await backend.client.request('start', id, op);
  if (!started.ok) throw started.error;
  return requireMachine(backend, id, order.stamp.contract, op);
}

async function provision(backend: Backend, order: MachineOrder, op: Operation): Promise<Instance> {
  const before = op.handles[HANDLE.attempt];
  await op.remember(HANDLE.attempt, 'begun');
  const reply = await backend.client.provision(order, op.id, op);
  await rememberOutcome(reply, before, op);
  if (!reply.ok) throw reply.error;
  const { instance } = reply.answer;
  if (instance) return finished(backend, order, instance);
  throw new ProvisionerError('unknown-outcome', 'The provision script said success without an "instance".');
}

async function rememberOutcome(reply: Reply, before: string | undefined, op: Operation): Promise<void> {
  const externalId = reply.ok ? reply.answer.instance?.external_id : reply.externalId;
  if (externalId !== undefined) await op.remember(HANDLE.externalId, externalId);
  if (reply.ok) {
    if (externalId !== undefined) await op.remember(HANDLE.attempt, 'made');
  } else if (reply.outcome === 'refused') await op.remember(HANDLE.attempt, 'failed');
  // A script that never ran this time may have run an earlier time.
  else if (reply.outcome === 'never-ran') await op.remember(HANDLE.attempt, before ?? 'unbegun');
}

/** A route leads to the address that was ordered: a machine with another one would be reached by nobody, or somebody else's would. */
function assertAddress({ external_id: id, ip_address: told }: WireInstance, { address }: MachineOrder): void {
  if (address === undefined || !told || told === address.ipv4) return;
  const what = `Machine ${id} has the address ${told} instead of ${address.ipv4}, which was ordered`;
  throw new ProvisionerError('config', `${what}: the script must give it that one, or set static_addresses = false.`);
}

/** The machine's cloud-init knows its card by this, so one with another is on no network. */
function assertCard({ external_id: id, mac_address: told }: WireInstance, { network }: MachineOrder): void {
  if (network === undefined || !told || told.toLowerCase() === network.mac) return;
  const what = `Machine ${id} has the network card ${told} instead of ${network.mac}, which was ordered`;
  throw new ProvisionerError('config', `${what}: the script must give it that one, or set cloud_init = false.`);
}

/** A backend may need time to find an address. Its machine is remembered by then, so the next attempt only asks again. */
function finished({ settings }: Backend, order: MachineOrder, wire: WireInstance): Instance {
  assertOurs(wire.contract_id, order.stamp.contract);
  assertAddress(wire, order);
  assertCard(wire, order);
  const instance = toInstance(wire, order.stamp, 'running', { ssh_user: order.user ?? settings.ssh_user });
  if (settings.ready_check === 'ssh' && instance.ssh === undefined) {
    throw new ProvisionerError('retry', `Machine ${instance.externalId} has no address yet.`);
  }
  return instance;
}
