import { forget } from '../access/users.ts';
import { type Call, died, type Endpoint, PveRefusal } from '../call.ts';
import { FLAG, optional, POOL, TEXT } from '../rules.ts';
import { usageOf, visibleOn } from '../storage/usage.ts';
import { guestRow } from './resources.ts';

const KIND = { type: 'string', optional: true, enum: ['qemu', 'lxc', 'storage'] } as const;
const MEMBERS = {
  poolid: POOL,
  comment: optional(TEXT),
  vms: { type: 'string', optional: true, format: 'pve-vmid-list' },
  storage: { type: 'string', optional: true, format: 'pve-storage-id-list' },
  delete: optional(FLAG),
  'allow-move': optional(FLAG),
} as const;
const ALLOCATE = ['perm', '/pool/{poolid}', ['Pool.Allocate']] as const;

/** Pools, in the present form (the name as a parameter) and in the older one (in the path). */
export const poolEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/pools',
    params: { poolid: optional(POOL), type: { ...KIND, requires: 'poolid' } },
    permission: 'all',
    handle: list,
  },
  {
    method: 'POST',
    path: '/pools',
    params: { poolid: POOL, comment: optional(TEXT) },
    permission: ALLOCATE,
    protected: true,
    handle: create,
  },
  { method: 'PUT', path: '/pools', params: MEMBERS, permission: ALLOCATE, protected: true, handle: update },
  {
    method: 'DELETE',
    path: '/pools',
    params: { poolid: POOL },
    permission: ALLOCATE,
    protected: true,
    handle: remove,
  },
  {
    method: 'GET',
    path: '/pools/{poolid}',
    params: { poolid: POOL, type: KIND },
    permission: ['perm', '/pool/{poolid}', ['Pool.Audit']],
    handle: details,
  },
  { method: 'PUT', path: '/pools/{poolid}', params: MEMBERS, permission: ALLOCATE, protected: true, handle: update },
  {
    method: 'DELETE',
    path: '/pools/{poolid}',
    params: { poolid: POOL },
    permission: ALLOCATE,
    protected: true,
    handle: remove,
  },
];

function list(call: Call): unknown[] {
  const { params, pve, may, require } = call;
  if (params.has('poolid')) {
    const poolid = params.text('poolid');
    require(`/pool/${poolid}`, ['Pool.Audit']);
    return [details(call)];
  }
  const pools = [...pve.cluster.pools].filter(([poolid]) => may(`/pool/${poolid}`, 'Pool.Audit'));
  return pools.map(([poolid, { comment }]) => ({ poolid, ...(comment === undefined ? {} : { comment }) }));
}

/** The pool and its members; machines as in cluster/resources. */
function details({ params, pve }: Call): { poolid: string; comment?: string; members: unknown[] } {
  const poolid = params.text('poolid');
  const pool = pve.cluster.pools.get(poolid);
  if (!pool) throw died(`pool '${poolid}' does not exist`);
  const kind = params.textOr('type', undefined);
  const members: unknown[] = [];
  if (kind === undefined || kind === 'qemu') {
    for (const guest of pve.cluster.guests.values()) {
      if (guest.pool !== poolid) continue;
      const { pool: _, tags: __, lock: ___, ...row } = guestRow(pve, guest);
      members.push(row);
    }
  }
  if (kind === undefined || kind === 'storage') members.push(...storages(pve, pool.storages));
  return { poolid, ...(pool.comment === undefined ? {} : { comment: pool.comment }), members };
}

function storages(pve: Call['pve'], ids: ReadonlySet<string>): unknown[] {
  return [...ids].flatMap((id) => {
    const storage = pve.cluster.storages.get(id);
    if (!storage) return [];
    const nodes = [...pve.cluster.nodes.values()].filter((node) => visibleOn(storage, node));
    return nodes.map((node) => ({
      id: `storage/${node.name}/${id}`,
      type: 'storage',
      storage: id,
      node: node.name,
      plugintype: storage.type,
      shared: storage.shared ? 1 : 0,
      content: [...storage.content].join(','),
      status: 'available',
      disk: usageOf(node, storage).used,
      maxdisk: usageOf(node, storage).total,
    }));
  });
}

function create({ params, pve: { cluster } }: Call): null {
  const poolid = params.text('poolid');
  if (cluster.pools.has(poolid)) throw died(`create pool failed: pool '${poolid}' already exists`);
  const parent = poolid.includes('/') ? poolid.slice(0, poolid.lastIndexOf('/')) : undefined;
  if (parent !== undefined && !cluster.pools.has(parent)) {
    throw died(`create pool failed: parent '${parent}' of pool '${poolid}' does not exist`);
  }
  cluster.pools.set(poolid, {
    ...(params.has('comment') ? { comment: params.text('comment') } : {}),
    storages: new Set(),
  });
  return null;
}

/** Members are added or taken out one after the other; one that is refused leaves those before it done. */
function update(call: Call): null {
  const {
    params,
    pve: { cluster },
    require,
  } = call;
  const poolid = params.text('poolid');
  const pool = cluster.pools.get(poolid);
  if (!pool) throw died(`pool '${poolid}' does not exist`);
  if (params.has('comment')) pool.comment = params.text('comment');
  const leave = params.flag('delete');
  for (const id of params.list('vms')) {
    require(`/vms/${id}`, ['VM.Allocate', 'Permissions.Modify'], 'any');
    const guest = cluster.guests.get(Number(id));
    if (leave) {
      if (guest?.pool !== poolid) throw died(`VM ${id} is not a pool member`);
      delete guest.pool;
      continue;
    }
    if (!guest) throw new PveRefusal(500, `VM ${id} does not exist`);
    if (guest.pool === poolid) throw died(`VM ${id} is already a pool member`);
    if (guest.pool !== undefined && !params.flag('allow-move')) {
      throw died(`VM ${id} belongs already to pool '${guest.pool}' - either remove it first or use 'allow-move'`);
    }
    guest.pool = poolid;
  }
  for (const id of params.list('storage')) {
    require(`/storage/${id}`, ['Datastore.Allocate', 'Permissions.Modify'], 'any');
    if (leave && !pool.storages.delete(id)) throw died(`Storage '${id}' is not a pool member`);
    if (!leave && pool.storages.has(id)) throw died(`Storage '${id}' is already a pool member`);
    if (!leave) pool.storages.add(id);
  }
  return null;
}

/** Only an empty pool goes; ACL entries on it go along. */
function remove({ params, pve: { cluster } }: Call): null {
  const poolid = params.text('poolid');
  const pool = cluster.pools.get(poolid);
  const refuse = (why: string): PveRefusal => died(`delete pool failed: pool '${poolid}' ${why}`);
  if (!pool) throw refuse('does not exist');
  const guest = [...cluster.guests.values()].find((one) => one.pool === poolid);
  if (guest) throw refuse(`is not empty (contains VM ${guest.vmid})`);
  const [storage] = pool.storages;
  if (storage !== undefined) throw refuse(`is not empty (contains storage '${storage}')`);
  cluster.pools.delete(poolid);
  forget(cluster.acl, ({ path }) => path === `/pool/${poolid}` || path.startsWith(`/pool/${poolid}/`));
  return null;
}
