import type { Pve } from '../call.ts';
import type { Guest } from '../state.ts';
import { parseNet } from './options/net.ts';
import { isDrive } from './options/options.ts';
import { booted } from './running.ts';
import { fileOf, isCdrom, parseDrive, removeVolume } from './volumes.ts';

/** What one call asks for; drives in `set` exist already. */
export interface Changes {
  readonly set: ReadonlyMap<string, string>;
  readonly remove: readonly string[];
  readonly revert: readonly string[];
  /** Removed disks are destroyed at once instead of kept as `unused0`. */
  readonly force: boolean;
}

/** Take effect at once on a machine that runs: names and notes, what only cloud-init reads, and disks. */
const AT_ONCE =
  /^(?:description|name|onboot|protection|startup|tags|hookscript|migrate_.*|shares|balloon|cpulimit|cpuunits|vmstatestorage|lock|ci\w+|nameserver|searchdomain|sshkeys|ipconfig\d+|unused\d+|scsi\d+|virtio\d+)$/;

/**
 * Writes the changes into the configuration. On a running machine, what cannot be plugged waits for the next start, and so
 * does what should have been plugged and failed: its errors are returned, by option.
 */
export function applyChanges(pve: Pve, guest: Guest, changes: Changes): Record<string, string> {
  const errors: Record<string, string> = {};
  for (const name of changes.revert)
    setOrDelete(guest.config, name, guest.started?.get(name) ?? guest.config.get(name));
  for (const name of changes.remove) {
    if (isDrive(name) || name.startsWith('unused')) keepOrDestroy(pve, guest, name, changes.force);
    forgetInBootOrder(guest, name);
    guest.config.delete(name);
    if (AT_ONCE.test(name) || /^net\d+$/.test(name)) guest.started?.delete(name);
  }
  for (const [name, value] of changes.set) {
    const before = guest.config.get(name);
    if (isDrive(name) && before !== undefined) replaceDrive(pve, guest, before, value);
    guest.config.set(name, value);
    if (!guest.started) continue;
    if (AT_ONCE.test(name)) guest.started.set(name, value);
    else if (/^net\d+$/.test(name)) {
      const error = plugNet(pve, guest, name, value);
      if (error !== undefined) errors[name] = error;
    }
  }
  return errors;
}

/** A new MAC or model is another card: the old one is pulled, and the counters begin again. */
function plugNet(pve: Pve, guest: Guest, name: string, value: string): string | undefined {
  const [wanted, present] = [parseNet(value), parseNet(guest.started?.get(name) ?? '')];
  const bridge = wanted.get('bridge');
  const known = bridge === undefined || pve.cluster.nodes.get(guest.node)?.bridges.has(bridge) === true;
  const otherCard = wanted.get('macaddr') !== present.get('macaddr') || wanted.get('model') !== present.get('model');
  // 9.1 waits for the guest to let go of the old card, which a guest that still boots does not.
  if (otherCard && pve.personality === '9.1' && present.size > 0 && !booted(pve, guest, pve.timings.agentMs)) {
    return `hotplug problem - error on hot-unplugging device '${name}' - still busy in guest?\n`;
  }
  if (!known) {
    const script = 'network script /usr/libexec/qemu-server/pve-bridge-hotplug failed with status 512';
    return `hotplug problem - VM ${guest.vmid} qmp command 'netdev_add' failed - ${script}\n`;
  }
  guest.started?.set(name, value);
  if (otherCard && guest.startedAt !== undefined) guest.traffic = { in: 0, out: 0, since: pve.clock.now() };
  return undefined;
}

/** A disk that loses its place becomes `unused0`; an unused one is destroyed. */
function keepOrDestroy(pve: Pve, guest: Guest, name: string, force: boolean): void {
  const text = guest.config.get(name);
  if (text === undefined) return;
  const drive = parseDrive(text);
  const file = fileOf(drive);
  if (!file.includes(':')) return;
  if (force || name.startsWith('unused') || isCdrom(drive)) {
    if (!isCdrom(drive) || /cloudinit/.test(file)) removeVolume(pve, guest.node, file);
  } else {
    addUnused(guest, file);
  }
}

function replaceDrive(pve: Pve, guest: Guest, before: string, after: string): void {
  const [old, fresh] = [parseDrive(before), parseDrive(after)];
  const file = fileOf(old);
  if (file === fileOf(fresh) || !file.includes(':')) return;
  if (isCdrom(old)) {
    if (/cloudinit/.test(file)) removeVolume(pve, guest.node, file);
  } else {
    addUnused(guest, file);
  }
}

function addUnused(guest: Guest, volid: string): void {
  for (let index = 0; ; index++) {
    if (guest.config.has(`unused${index}`)) continue;
    guest.config.set(`unused${index}`, volid);
    return;
  }
}

function forgetInBootOrder(guest: Guest, name: string): void {
  const order = /^order=(.*)$/.exec(guest.config.get('boot') ?? '')?.[1];
  if (order === undefined || !order.split(';').includes(name)) return;
  guest.config.set(
    'boot',
    `order=${order
      .split(';')
      .filter((device) => device !== name)
      .join(';')}`,
  );
}

function setOrDelete(config: Map<string, string>, name: string, value: string | undefined): void {
  if (value === undefined) config.delete(name);
  else config.set(name, value);
}
