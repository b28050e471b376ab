import type { PveBridge, PveNode, PveVersion } from '../wire.ts';
import type { PveNodeStorage } from '../wire-storage.ts';

/** What of several fits best, first; empty when nothing does. All of them are pure. */

export function nodesToChoose(nodes: readonly PveNode[]): string[] {
  return nodes
    .filter(({ status }) => status === 'online')
    .map(({ node }) => node)
    .sort();
}

/** Where disks are cheap to clone first, then where there is most room; a thick LVM only when nothing else is there. */
const CLONE_RANK: Readonly<Record<string, number>> = { lvm: 2, iscsi: 3, iscsidirect: 3 };

/** Storages for machines' disks. */
export function diskStorages(storages: readonly PveNodeStorage[]): PveNodeStorage[] {
  const rank = ({ type }: PveNodeStorage): number => CLONE_RANK[type] ?? (isOfFiles(type) ? 1 : 0);
  return usable(storages)
    .filter(({ content }) => content.has('images'))
    .sort((a, b) => rank(a) - rank(b) || (b.avail ?? 0) - (a.avail ?? 0));
}

/** Storages that can hold a downloaded image or a snippet: those of files. One that may hold it already comes first, then `local`. */
export function fileStorages(storages: readonly PveNodeStorage[], content: 'import' | 'snippets'): PveNodeStorage[] {
  const rank = (one: PveNodeStorage): number => (one.content.has(content) ? 0 : one.storage === 'local' ? 1 : 2);
  return usable(storages)
    .filter(({ type }) => isOfFiles(type))
    .sort((a, b) => rank(a) - rank(b) || (b.avail ?? 0) - (a.avail ?? 0));
}

/** The installer's bridge first. */
export function bridgesToChoose(bridges: readonly PveBridge[]): string[] {
  return bridges
    .map(({ iface }) => iface)
    .sort((a, b) => Number(b === 'vmbr0') - Number(a === 'vmbr0') || a.localeCompare(b));
}

/** Images can be imported by the API since 8.4; 8.3 knows the content, and downloads none of it. */
export function canImport({ major, minor }: PveVersion): boolean {
  return major > 8 || (major === 8 && minor >= 4);
}

function usable(storages: readonly PveNodeStorage[]): PveNodeStorage[] {
  return storages.filter(({ enabled, active }) => enabled && active);
}

function isOfFiles(type: string): boolean {
  return ['dir', 'nfs', 'cifs', 'btrfs', 'cephfs', 'glusterfs'].includes(type);
}
