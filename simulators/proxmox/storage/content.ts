import { badParameters, type Call, died, type Endpoint, forbidden } from '../call.ts';
import { nodeNamed } from '../cluster/nodes.ts';
import { NODE, optional, STORAGE, TEXT, VMID } from '../rules.ts';
import type { Node, Volume } from '../state.ts';
import { dropVolume, filePath, storageNamed } from './usage.ts';

const OF_VOLUME = { node: NODE, storage: optional(STORAGE), volume: TEXT } as const;

export const contentEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/nodes/{node}/storage/{storage}/content',
    params: {
      node: NODE,
      storage: STORAGE,
      content: { type: 'string', optional: true, format: 'pve-storage-content' },
      vmid: { ...VMID, optional: true },
    },
    permission: ['perm', '/storage/{storage}', ['Datastore.Audit', 'Datastore.AllocateSpace'], 'any'],
    protected: true,
    handle: list,
  },
  {
    method: 'GET',
    path: '/nodes/{node}/storage/{storage}/content/{volume}',
    params: OF_VOLUME,
    permission: 'all',
    protected: true,
    handle: details,
  },
  {
    method: 'DELETE',
    path: '/nodes/{node}/storage/{storage}/content/{volume}',
    params: { ...OF_VOLUME, delay: { type: 'integer', optional: true, minimum: 1, maximum: 30 } },
    permission: 'all',
    protected: true,
    quorum: 'not-needed',
    handle: remove,
  },
];

/** Only volumes that the caller may read; kinds that the storage does not hold at present are left out. */
function list(call: Call): unknown[] {
  const { pve, params } = call;
  const node = nodeNamed(pve, params.text('node'));
  const storage = storageNamed(pve, node, params.text('storage'));
  return [...node.volumes.values()]
    .filter((volume) => volume.storage === storage.id && storage.content.has(volume.content))
    .filter(({ content }) => !params.has('content') || content === params.text('content'))
    .filter(({ vmid }) => !params.has('vmid') || vmid === params.int('vmid'))
    .filter((volume) => mayRead(call, volume))
    .map(row);
}

function row(volume: Volume): object {
  const { volid, content, format, sizeBytes, usedBytes, vmid, parent, createdAt } = volume;
  const common = { volid, content, format, ctime: Math.floor(createdAt / 1000) };
  if (content !== 'images') return { ...common, size: usedBytes ?? sizeBytes };
  return {
    ...common,
    size: sizeBytes,
    used: usedBytes ?? sizeBytes,
    parent: parent === undefined ? null : `../${parent.split(':').at(-1)}`,
    ...(vmid === undefined ? {} : { vmid }),
  };
}

/** A disk needs the right to change its machine's disks; what can be downloaded is open to whoever may use the storage. */
function mayRead({ may }: Call, { storage, content, vmid }: Volume): boolean {
  const path = `/storage/${storage}`;
  if (may(path, 'Datastore.Allocate')) return true;
  if (content === 'images') {
    return vmid !== undefined && may(path, 'Datastore.Audit') && may(`/vms/${vmid}`, 'VM.Config.Disk');
  }
  if (content === 'backup') {
    return vmid !== undefined && may(path, 'Datastore.AllocateSpace') && may(`/vms/${vmid}`, 'VM.Backup');
  }
  return may(path, 'Datastore.Audit') || may(path, 'Datastore.AllocateSpace');
}

/** The volume that the path names: with its storage, or by its name on the storage of the path. */
function volumeOf({ pve, params }: Call): { node: Node; storage: string; name: string; volid: string } {
  const node = nodeNamed(pve, params.text('node'));
  const given = params.text('volume');
  const volid = given.includes(':') ? given : `${params.text('storage')}:${given}`;
  const storage = volid.slice(0, volid.indexOf(':'));
  if (params.has('storage') && params.text('storage') !== storage) {
    throw badParameters({ storage: `storage ID mismatch (${storage} != ${params.text('storage')})` });
  }
  storageNamed(pve, node, storage);
  return { node, storage, volid, name: volid.slice(storage.length + 1) };
}

function details(call: Call): object {
  const { node, storage, volid, name } = volumeOf(call);
  const volume = node.volumes.get(volid);
  if (volume && !mayRead(call, volume)) throw forbidden(`/storage/${storage}, Datastore.AllocateSpace`);
  if (!volume) throw died(`volume_size_info on '${volid}' failed - no format`);
  return {
    path: pathOf(call, volume, name),
    size: volume.sizeBytes,
    used: volume.usedBytes ?? volume.sizeBytes,
    format: volume.format,
  };
}

function pathOf({ pve }: Call, { storage, content }: Volume, name: string): string {
  const def = pve.cluster.storages.get(storage);
  if (!def || def.directory === undefined) return `/dev/${storage}/${name}`;
  return filePath(def, content, name.replace(/^(import|iso|vztmpl|snippets|backup)\//, ''));
}

/** Deleting what is not there is fine. With `delay` a deletion that ends soon is told at once, by null. */
async function remove(call: Call): Promise<string | null> {
  const { pve, params, caller, may } = call;
  const { node, storage, volid, name } = volumeOf(call);
  const path = `/storage/${storage}`;
  if (!may(path, 'Datastore.Allocate')) throw forbidden(`${path}, Datastore.Allocate`);
  const owner = /(?:^|\/)(?:vm|base|subvol)-(\d+)-[^/]+$/.exec(name)?.[1];
  const upid = pve.task({
    node: node.name,
    type: 'imgdel',
    id: owner === undefined ? storage : `${owner}@${storage}`,
    caller,
    run: async (task) => {
      const def = storageNamed(pve, node, storage);
      const children = [...node.volumes.values()].filter(({ parent }) => parent === volid);
      if (children.length > 0) throw new Error(`base volume '${name}' is still in use by linked clones`);
      await pve.locked(`storage-${storage}`, 'exclusive', 10_000, () => {
        const volume = node.volumes.get(volid);
        const [, kind = 'images', file = name] = /^(import|iso|vztmpl|snippets|backup)\/(.+)$/.exec(name) ?? [];
        if (!volume) task.log(`disk image '${filePath(def, kind, file)}' does not exist`);
        dropVolume(pve, node, volid);
      });
      task.log(`Removed volume '${volid}'`);
    },
  });
  if (!params.has('delay')) return upid;
  const exit = await Promise.race([pve.taskEnd(upid), delayed(call, params.int('delay') * 1000)]);
  return exit === 'OK' ? null : upid;
}

function delayed({ pve }: Call, ms: number): Promise<undefined> {
  return new Promise((resolve) => void pve.clock.after(ms, () => resolve(undefined)));
}
