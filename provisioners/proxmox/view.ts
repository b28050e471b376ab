import type { CallContext } from '../../src/provisioner/index.ts';
import type { PveResources } from './api-cluster.ts';
import type { Backend } from './backend.ts';
import { oneLine } from './errors.ts';
import type { ProxmoxSettings } from './schema.ts';
import type { PveNodeRow, PveVmRow } from './wire.ts';
import type { PveStorageRow } from './wire-storage.ts';

export interface View {
  readonly rows: readonly PveVmRow[];
  readonly nodes: readonly PveNodeRow[];
  readonly storages: readonly PveStorageRow[];
  /** Why a guest that is not in `rows` may exist all the same; undefined when the list can be believed. */
  readonly gap: string | undefined;
}

/**
 * Every guest that we may see, by one call. A list of Proxmox is complete only as far as rights and nodes go, and says nothing of it:
 * rights that were lost make it empty, a node that lost the cluster shows what it last knew. So every node must be up, and the default
 * template must be among the guests, as proof that the token still sees what it should.
 */
export async function viewCluster(
  { pve, settings, looks }: Pick<Backend, 'pve' | 'settings' | 'looks'>,
  ctx: CallContext,
): Promise<View> {
  return judged(await looks.fresh('', { ask: () => pve.cluster.resources(ctx.signal), signal: ctx.signal }), settings);
}

/** Within one cycle of the agent everything looks at about the same moment. */
const RECENT_MS = 5_000;

/** The same, as whoever looked last saw it: for figures, never for what is done to a machine. */
export async function recentView(
  { pve, settings, looks }: Pick<Backend, 'pve' | 'settings' | 'looks'>,
  ctx: CallContext,
): Promise<View> {
  const asking = { ask: () => pve.cluster.resources(ctx.signal), signal: ctx.signal };
  return judged(await looks.recent('', RECENT_MS, asking), settings);
}

function judged(resources: PveResources, settings: Pick<ProxmoxSettings, 'template_vmid'>): View {
  const { vms, nodes, storages } = resources;
  return { rows: vms, nodes, storages, gap: gapOf(resources, settings) };
}

function gapOf({ vms, nodes, unreadable }: PveResources, { template_vmid: template }: { template_vmid: number }) {
  const down = nodes.filter(({ status }) => status !== 'online').map(({ node }) => oneLine(node));
  if (unreadable > 0) return `${unreadable} guests or nodes of the list cannot be read`;
  if (nodes.length === 0) return 'the cluster shows no nodes';
  if (down.length > 0) return `these nodes are down: ${down.join(', ')}`;
  if (vms.some(({ vmid }) => vmid === template)) return undefined;
  return `the list does not show template ${template}: is it in the pool, and the token's rights in order?`;
}
