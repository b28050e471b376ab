import { type Instance, type MachineOrder, type Operation, ProvisionerError } from '../../src/provisioner/index.ts';
import { chooseAddress, isInPool } from './address.ts';
import { type Backend, finish } from './backend.ts';
import { configChange } from './configure.ts';
import { reasonOf } from './errors.ts';
import { guardAddresses } from './firewall.ts';
import { hostKeyOf } from './host-key.ts';
import { instanceOf } from './instance.ts';
import type { Machine } from './judge.ts';
import { bootDisk, staticIpv4 } from './machine.ts';
import { obtain } from './obtain.ts';
import { verified } from './owned.ts';
import { switchOff, switchOn } from './power.ts';
import { GIB } from './room.ts';
import { everyMachine } from './sight.ts';
import { orderedTemplate } from './template.ts';
import { waitForAddress } from './wait-address.ts';

/** Growing a disk writes nothing but a new size. */
const RESIZE_LIMIT_MS = 180_000;

/**
 * Brings one order's machine into being and up, from whatever an earlier attempt left: nothing, a clone that runs, a bare clone, one
 * that is set up, one that is on. Two calls for one operation in this process follow each other.
 */
export async function createMachine(backend: Backend, order: MachineOrder, op: Operation): Promise<Instance> {
  checkOrder(backend, order);
  const leave = await turnOf(backend, op);
  let vmid: number | undefined;
  try {
    const found = await obtain(backend, order, op);
    vmid = found.vmid;
    const machine = await setUp(backend, found, order, op);
    const status = await switchOn(backend, machine, op);
    const addresses = await waitForAddress(backend, machine, op);
    backend.reservations.release(machine.vmid, 'made');
    const hostKey = await hostKeyOf(backend, machine, op);
    const instance = instanceOf(machine, 'running', backend.settings, addresses, status.uptime);
    return hostKey === undefined ? instance : { ...instance, hostKey };
  } catch (error) {
    if (vmid !== undefined) backend.reservations.release(vmid, 'given-up');
    throw error;
  } finally {
    leave();
  }
}

function checkOrder({ settings }: Backend, order: MachineOrder): void {
  orderedTemplate(order, settings);
  // One line, one key: what follows it in the file would let somebody else in.
  if (/^[a-z0-9@.-]{1,64} [A-Za-z0-9+/]{16,16384}={0,2}$/.test(order.sshKey)) return;
  throw new ProvisionerError('permanent', "The tenant's SSH key is not of the form 'type base64'", {
    publicText: 'The SSH key of this contract cannot be used.',
  });
}

async function turnOf({ gate }: Backend, op: Operation): Promise<() => void> {
  try {
    return await gate.enter({ name: `operation ${op.id}`, width: 1 }, op.signal);
  } catch (cause) {
    throw new ProvisionerError('retry', 'Cancelled before anything was asked of Proxmox', { cause });
  }
}

/** Sets up what is not set up yet. Each step looks at what is there, so it may be cut off and begun again anywhere. */
async function setUp(backend: Backend, found: Machine, order: MachineOrder, op: Operation): Promise<Machine> {
  if (!isSetUp(found, order)) {
    // Its node may have come up and started it half-made. Nobody was told of it yet, and what is set only counts from a start.
    await switchOff(backend, found, 'at-once', op);
    const configured = found.stamp.stage === 'configured' ? found : await configure(backend, found, order, op);
    if (isTooSmall(configured, order)) await grow(backend, configured, order, op);
  }
  const ready = await verified(backend, found, order.stamp, op);
  if (!isSetUp(ready, order)) {
    throw new ProvisionerError('retry', `VM ${ready.vmid} is not set up although Proxmox said so`);
  }
  // Nothing of the configuration tells whether an earlier attempt came this far.
  if (backend.settings.firewall) await guardAddresses(backend, ready, op);
  return ready;
}

function isSetUp(machine: Machine, order: MachineOrder): boolean {
  return machine.stamp.stage === 'configured' && !isTooSmall(machine, order);
}

async function configure(backend: Backend, found: Machine, order: MachineOrder, op: Operation): Promise<Machine> {
  const { major } = await backend.facts.version(op.signal);
  for (let attempt = 1; ; attempt++) {
    const machine = await verified(backend, found, order.stamp, op);
    const address = await addressFor(backend, machine, op);
    const change = configChange(machine, { order, settings: backend.settings, address, major });
    try {
      await put(backend, machine, change, op);
      return await verified(backend, machine, order.stamp, op);
    } catch (error) {
      // Somebody changed the machine since it was read; the digest keeps both changes.
      if (reasonOf(error) !== 'stale-digest' || attempt >= 3) throw error;
    }
  }
}

/** A datacenter may forbid tags that it does not know; they are for people only, so the machine does without. */
async function put(
  { pve }: Backend,
  machine: Machine,
  { set, remove }: ReturnType<typeof configChange>,
  op: Operation,
): Promise<void> {
  const digest = machine.config['digest'];
  const change = { set, remove, ...(digest === undefined ? {} : { digest }) };
  try {
    await pve.vms.setConfig(machine, change, op.signal);
  } catch (error) {
    const { tags, ...rest } = set;
    if (tags === undefined || reasonOf(error) !== 'no-right') throw error;
    await pve.vms.setConfig(machine, { ...change, set: rest }, op.signal);
    op.log.warn({ vmid: machine.vmid, err: error }, 'proxmox: tags are not allowed, the machine has none');
  }
}

/** The machine's address from the pool: the one that it has, else one that no machine of ours has. Undefined = DHCP. */
async function addressFor(backend: Backend, machine: Machine, op: Operation): Promise<string | undefined> {
  const { settings, reservations } = backend;
  const pool = settings.address;
  if (pool === 'dhcp') return undefined;
  const machines = await everyMachine(backend, op);
  // From here to the reservation nothing waits, so two machines cannot get the same address.
  const others = [
    ...machines.filter(({ vmid }) => vmid !== machine.vmid).map(({ config }) => staticIpv4(config)),
    ...reservations.all().flatMap(({ vmid, address }) => (vmid === machine.vmid ? [] : [address])),
  ];
  const taken = new Set(others.filter((address) => address !== undefined));
  const before = staticIpv4(machine.config);
  const address =
    before !== undefined && isInPool(pool, before) && !taken.has(before) ? before : chooseAddress(pool, taken);
  reservations.holdAddress(machine.vmid, machine.node, address);
  return address;
}

async function grow(backend: Backend, machine: Machine, order: MachineOrder, op: Operation): Promise<void> {
  const disk = bootDisk(machine.config);
  if (disk === undefined || order.storageGb === undefined) return;
  const upid = await backend.pve.vms.resize(machine, disk.key, order.storageGb, op.signal);
  await finish(backend, upid, { doing: `resize VM ${machine.vmid}`, limitMs: RESIZE_LIMIT_MS, signal: op.signal });
}

function isTooSmall({ config }: Machine, { storageGb }: MachineOrder): boolean {
  if (storageGb === undefined) return false;
  const { sizeBytes } = bootDisk(config) ?? {};
  return sizeBytes === undefined || sizeBytes < storageGb * GIB;
}
