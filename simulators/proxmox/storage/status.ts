import type { Call, Endpoint, Pve } from '../call.ts';
import { nodeNamed } from '../cluster/nodes.ts';
import { FLAG, NODE, optional, STORAGE } from '../rules.ts';
import type { Node, StorageDef } from '../state.ts';
import { storageNamed, usageOf, visibleOn } from './usage.ts';

/** What a node sees of its storages. */
export const statusEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/nodes/{node}/storage',
    params: {
      node: NODE,
      storage: optional(STORAGE),
      content: { type: 'string', optional: true, format: 'pve-storage-content-list' },
      enabled: optional(FLAG),
      target: optional(NODE),
      format: optional(FLAG),
    },
    permission: 'all',
    protected: true,
    handle: list,
  },
  {
    method: 'GET',
    path: '/nodes/{node}/storage/{storage}/status',
    params: { node: NODE, storage: STORAGE },
    permission: ['perm', '/storage/{storage}', ['Datastore.Audit', 'Datastore.AllocateSpace'], 'any'],
    protected: true,
    handle({ pve, params }) {
      const node = nodeNamed(pve, params.text('node'));
      return figures(node, storageNamed(pve, node, params.text('storage')));
    },
  },
];

function list({ pve, params, may }: Call): unknown[] {
  const node = nodeNamed(pve, params.text('node'));
  if (params.has('storage')) storageNamed(pve, node, params.text('storage'));
  const wanted = params.list('content');
  return [...pve.cluster.storages.values()]
    .filter((storage) => visibleOn(storage, node))
    .filter(({ id }) => !params.has('storage') || id === params.text('storage'))
    .filter(({ id }) => ['Datastore.Audit', 'Datastore.AllocateSpace'].some((name) => may(`/storage/${id}`, name)))
    .filter(({ content }) => wanted.length === 0 || wanted.some((kind) => content.has(kind)))
    .filter(({ disabled }) => !params.flag('enabled') || !disabled)
    .filter((storage) => !params.has('target') || isOnBoth(pve, storage, params.text('target')))
    .map((storage) => ({
      storage: storage.id,
      ...figures(node, storage),
      ...(storage.disabled ? {} : { used_fraction: fraction(node, storage) }),
      ...(params.flag('format') ? formats(storage, pve.personality) : {}),
    }));
}

function isOnBoth({ cluster }: Pve, storage: StorageDef, target: string): boolean {
  const other = cluster.nodes.get(target);
  return storage.shared && other !== undefined && visibleOn(storage, other);
}

function figures(node: Node, storage: StorageDef): object {
  const active = !storage.disabled;
  const { total, used, avail } = usageOf(node, storage);
  return {
    type: storage.type,
    content: [...storage.content].join(','),
    shared: storage.shared ? 1 : 0,
    enabled: active ? 1 : 0,
    active: active ? 1 : 0,
    total: active ? total : 0,
    used: active ? used : 0,
    avail: active ? avail : 0,
  };
}

function fraction(node: Node, storage: StorageDef): number {
  const { total, used } = usageOf(node, storage);
  return total === 0 ? 0 : used / total;
}

/** Which image formats it holds, and which one it takes by itself. */
function formats({ directory, type }: StorageDef, personality: Pve['personality']): object {
  const files = directory !== undefined || type === 'nfs';
  const known = files ? { qcow2: 1, raw: 1, subvol: 1, vmdk: 1 } : { raw: 1 };
  const format = [known, 'raw'];
  return personality === '9.1' ? { format, formats: { supported: Object.keys(known), default: 'raw' } } : { format };
}
