import { badParameters, type Pve } from '../call.ts';
import type { Node, StorageDef, Volume } from '../state.ts';

export function visibleOn({ nodes }: StorageDef, { name }: Node): boolean {
  return nodes === undefined || nodes.includes(name);
}

/** Bytes of a storage as this node sees it. */
export function usageOf(node: Node, storage: StorageDef): { total: number; used: number; avail: number } {
  let used = storage.usedBytes;
  for (const volume of node.volumes.values()) {
    if (volume.storage === storage.id) used += volume.usedBytes ?? volume.sizeBytes;
  }
  const total = storage.totalBytes;
  return { total, used: Math.min(used, total), avail: Math.max(0, total - used) };
}

/** @throws PveRefusal 400 for a storage that does not exist, or not on this node */
export function storageNamed({ cluster }: Pve, node: Node, id: string): StorageDef {
  const storage = cluster.storages.get(id);
  if (!storage || !visibleOn(storage, node)) throw badParameters({ storage: 'No such storage.' });
  return storage;
}

/** Puts a volume on its storage; a shared one is seen by all nodes. */
export function addVolume({ cluster }: Pve, node: Node, volume: Volume): void {
  const shared = cluster.storages.get(volume.storage)?.shared === true;
  for (const one of shared ? cluster.nodes.values() : [node]) one.volumes.set(volume.volid, volume);
}

export function dropVolume({ cluster }: Pve, node: Node, volid: string): void {
  const volume = node.volumes.get(volid);
  const shared = volume && cluster.storages.get(volume.storage)?.shared === true;
  for (const one of shared ? cluster.nodes.values() : [node]) one.volumes.delete(volid);
}

const FOLDERS: Readonly<Record<string, string>> = {
  backup: 'dump',
  images: 'images',
  import: 'import',
  iso: 'template/iso',
  snippets: 'snippets',
  vztmpl: 'template/cache',
};

/** Where a file of that content lies: `/var/lib/vz/template/iso/debian.iso`. */
export function filePath(storage: StorageDef, content: string, name: string): string {
  return `${storage.directory ?? `/mnt/pve/${storage.id}`}/${FOLDERS[content] ?? content}/${name}`;
}
