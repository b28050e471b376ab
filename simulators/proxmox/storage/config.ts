import { type Call, died, type Endpoint } from '../call.ts';
import { digestOf } from '../digest.ts';
import { FLAG, optional, STORAGE } from '../rules.ts';
import type { Cluster, StorageDef } from '../state.ts';

const TYPES = [
  'btrfs',
  'cephfs',
  'cifs',
  'dir',
  'esxi',
  'iscsi',
  'iscsidirect',
  'lvm',
  'lvmthin',
  'nfs',
  'pbs',
  'rbd',
  'zfs',
  'zfspool',
];

/** The datacenter's storage.cfg. */
export const configEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/storage',
    params: {
      type: {
        type: 'string',
        optional: true,
        enum: TYPES,
        in: { '8.4': { enum: [...TYPES, 'glusterfs'].toSorted() } },
      },
    },
    permission: 'all',
    handle: list,
  },
  {
    method: 'GET',
    path: '/storage/{storage}',
    params: { storage: STORAGE },
    permission: ['perm', '/storage/{storage}', ['Datastore.Allocate']],
    handle({ params, pve: { cluster } }) {
      const storage = cluster.storages.get(params.text('storage'));
      if (!storage) throw died(`storage '${params.text('storage')}' does not exist`);
      return shown(storage, cluster);
    },
  },
  {
    method: 'PUT',
    path: '/storage/{storage}',
    params: {
      storage: STORAGE,
      content: { type: 'string', optional: true, format: 'pve-storage-content-list' },
      disable: optional(FLAG),
      delete: { type: 'string', optional: true, format: 'pve-configid-list', maxLength: 4096 },
      digest: { type: 'string', optional: true, maxLength: 64 },
    },
    permission: ['perm', '/storage', ['Datastore.Allocate']],
    protected: true,
    handle: update,
  },
];

function list({ params, pve: { cluster }, may }: Call): unknown[] {
  return [...cluster.storages.values()]
    .filter(({ type }) => !params.has('type') || type === params.text('type'))
    .filter(({ id }) => ['Datastore.Audit', 'Datastore.AllocateSpace'].some((name) => may(`/storage/${id}`, name)))
    .map((storage) => shown(storage, cluster));
}

function shown(storage: StorageDef, cluster: Cluster): object {
  return {
    storage: storage.id,
    type: storage.type,
    content: [...storage.content].join(','),
    digest: configDigest(cluster),
    ...(storage.directory === undefined ? {} : { path: storage.directory, 'prune-backups': 'keep-all=1' }),
    ...(storage.shared ? { shared: 1 } : {}),
    ...(storage.nodes ? { nodes: storage.nodes.join(',') } : {}),
    ...(storage.disabled ? { disable: 1 } : {}),
  };
}

/** One digest for the whole file, in the order in which it was written. */
function configDigest({ storages }: Cluster): string {
  return digestOf([...storages.values()].map(({ id, content, disabled }) => [id, [...content], disabled]));
}

/** `content` is the whole list: what is left out is taken away. */
function update({ params, pve: { cluster } }: Call): object {
  const id = params.text('storage');
  const storage = cluster.storages.get(id);
  if (!storage) throw died(`update storage failed: storage '${id}' does not exist`);
  if (params.has('digest') && params.text('digest') !== configDigest(cluster)) {
    const why = 'detected modified configuration - file changed by other user? Try again.';
    throw died(`update storage failed: ${why}`);
  }
  if (params.has('content')) storage.content = new Set(params.list('content'));
  if (params.flag('disable')) storage.disabled = true;
  if (params.list('delete').includes('disable') || (params.has('disable') && !params.flag('disable'))) {
    delete storage.disabled;
  }
  return { storage: id, type: storage.type };
}
