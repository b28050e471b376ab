import { createHash } from 'node:crypto';
import { badParameters, type Call, type Caller, died, type ParamRule, type Pve, type PveRefusal } from '../call.ts';
import type { Guest } from '../state.ts';

/** The parts of every path below `/nodes/{node}/qemu/{vmid}`. */
export const VM_PATH: Readonly<Record<'node' | 'vmid', ParamRule>> = {
  node: { type: 'string', format: 'pve-node' },
  vmid: vmidRule(),
};

/** How long everything but a clone waits for the lock of a configuration. */
export const CONFIG_LOCK_MS = 10_000;

export function vmidRule(): ParamRule {
  return { type: 'integer', format: 'pve-vmid', minimum: 100, maximum: 999_999_999 };
}

/** The lock file of one machine, as `Pve.locked` names it. */
export function lockOf(vmid: number): string {
  return `qemu-${vmid}`;
}

export function findGuest(pve: Pve, node: string, vmid: number): Guest | undefined {
  const guest = pve.cluster.guests.get(vmid);
  // A host looks only into its own directory: what runs on another node does not exist here.
  return guest?.node === node ? guest : undefined;
}

/** Loads the configuration; the refusal is what a host says of a machine that is missing *here*. */
export function loadGuest(pve: Pve, node: string, vmid: number): Guest {
  const guest = findGuest(pve, node, vmid);
  if (!guest) throw configMissing(node, vmid);
  return guest;
}

/** The machine that the path names. */
export function guestOf(call: Call): Guest {
  return loadGuest(call.pve, call.params.text('node'), call.params.int('vmid'));
}

export function configMissing(node: string, vmid: number): PveRefusal {
  return died(`Configuration file 'nodes/${node}/qemu-server/${vmid}.conf' does not exist`);
}

/** Whether the machine runs on this node. It is the other way to meet a missing one, with words of its own. */
export function checkRunning(pve: Pve, node: string, vmid: number): boolean {
  const guest = findGuest(pve, node, vmid);
  if (!guest) throw died(`unable to find configuration file for VM ${vmid} on node '${node}'`);
  return guest.status === 'running';
}

/** Refuses a machine that a clone, backup or migration has locked. */
export function checkLock(guest: Guest): void {
  if (guest.lock !== undefined) throw died(`VM is locked (${guest.lock})`);
}

/** The login `root@pam`; a token of root's is somebody else. */
export function isRootLogin(caller: Caller): boolean {
  return caller.user === 'root@pam' && caller.token === undefined;
}

/** Refuses parameters that are reserved to root's login. */
export function rootOnly(call: Call, ...names: string[]): void {
  if (isRootLogin(call.caller)) return;
  for (const name of names) {
    const given = call.params.entries().find(([key]) => key === name)?.[1];
    if (given !== undefined && given !== false && given !== 0 && given !== '') {
      throw badParameters({ [name]: 'Only root may use this option.' });
    }
  }
}

/** The configuration file much as PVE writes it: the description as comment, then the options in order, then what is pending. */
export function configText(guest: Guest): string {
  const comment = (guest.config.get('description') ?? '').split('\n').map((line) => `#${JSON.stringify(line)}\n`);
  const options = new Map(guest.config);
  options.delete('description');
  if (guest.lock !== undefined) options.set('lock', guest.lock);
  if (guest.template) options.set('template', '1');
  const lines = [...options].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}: ${value}\n`);
  const pending = [...(guest.started ?? [])].map(([name, value]) => `[${name}: ${value}]\n`);
  return [...(guest.config.has('description') ? comment : []), ...lines, ...pending].join('');
}

/** What GET config calls `digest`: changes with every change of the file. */
export function digestOf(guest: Guest): string {
  return createHash('sha1').update(configText(guest)).digest('hex');
}

export function checkDigest(guest: Guest, digest: string | undefined): void {
  if (digest !== undefined && digest !== '' && digest !== digestOf(guest)) {
    throw died('checksum mismatch (file change by other user?)');
  }
}
