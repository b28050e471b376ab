import type { Asking, VultrClient } from './client.ts';
import { listAll, type Page } from './pages.ts';
import { block, reservedIp } from './wire.ts';

/** Something that outlives an instance and costs money by itself. */
interface Leftover {
  readonly kind: 'block storage' | 'reserved IP';
  readonly id: string;
  readonly label: string;
}

/** The name of a machine of an agent, at the beginning of a label. */
const OURS = /^dc-[0-9a-f]{16}\b/;

/**
 * What is attached to nothing and called after a machine. This plugin makes nothing but instances, and Vultr keeps nothing of a
 * deleted one: such things were made by hand, for a machine that may be gone.
 */
export async function findLeftovers(client: VultrClient, asking: Asking): Promise<Page<Leftover>> {
  const [blocks, addresses] = await Promise.all([
    listAll(client, { path: '/blocks', key: 'blocks', entry: block }, asking),
    listAll(client, { path: '/reserved-ips', key: 'reserved_ips', entry: reservedIp }, asking),
  ]);
  const free = (attached: string | null | undefined): boolean =>
    attached === undefined || attached === null || attached === '';
  const entries: Leftover[] = [
    ...blocks.entries
      .filter(({ attached_to_instance }) => free(attached_to_instance))
      .map(({ id, label }) => ({ kind: 'block storage' as const, id, label: label ?? '' })),
    ...addresses.entries
      .filter(({ instance_id }) => free(instance_id))
      .map(({ id, label }) => ({ kind: 'reserved IP' as const, id, label: label ?? '' })),
  ];
  return {
    complete: blocks.complete && addresses.complete,
    entries: entries.filter(({ label }) => OURS.test(label)),
  };
}
