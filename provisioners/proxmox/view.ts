import type { CallContext } from '../../src/provisioner/index.ts';
import type { Backend } from './backend.ts';
import { oneLine } from './errors.ts';
import type { PveVmRow } from './wire.ts';

export interface View {
  readonly rows: readonly PveVmRow[];
  /** Why a guest that is not in `rows` may exist all the same; undefined when the list can be believed. */
  readonly gap: string | undefined;
}

/**
 * Every guest that we may see. A list of Proxmox is complete only as far as rights and nodes go, and says nothing of it: rights that
 * were lost make it empty, a node that lost the cluster shows what it last knew. So every node must be up, and the default template
 * must be among the guests, as proof that the token still sees what it should.
 */
export async function viewCluster(
  { pve, settings }: Pick<Backend, 'pve' | 'settings'>,
  ctx: CallContext,
): Promise<View> {
  const [{ rows, unreadable }, nodes] = await Promise.all([pve.cluster.vms(ctx.signal), pve.cluster.nodes(ctx.signal)]);
  const down = nodes.filter(({ status }) => status !== 'online').map(({ node }) => oneLine(node));
  const template = rows.some((row) => row.vmid === settings.template_vmid);
  return { rows, gap: gapOf() };

  function gapOf(): string | undefined {
    if (unreadable > 0) return `${unreadable} guests of the list cannot be read`;
    if (nodes.length === 0) return 'the cluster shows no nodes';
    if (down.length > 0) return `these nodes are down: ${down.join(', ')}`;
    if (!template)
      return `the list does not show template ${settings.template_vmid}: is it in the pool, and the token's rights in order?`;
    return undefined;
  }
}
