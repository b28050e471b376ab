import { ProvisionerError } from '../../src/provisioner/index.ts';
import type { ProxmoxSettings } from './schema.ts';
import type { PveNodeStorage } from './wire-storage.ts';

/**
 * Storages on which a clone can share the template's blocks. Not thick LVM and iSCSI; what is not in the list is copied, since a
 * wrong guess here fails every order.
 */
const SHARES_BLOCKS: ReadonlySet<string> = new Set([
  'dir',
  'nfs',
  'cifs',
  'glusterfs',
  'cephfs',
  'lvmthin',
  'zfspool',
  'zfs',
  'rbd',
  'btrfs',
]);

/** How machines of a template are made: `linked` stays where the template is. */
export function howToClone(
  { clone }: Pick<ProxmoxSettings, 'clone'>,
  storages: readonly PveNodeStorage[],
): 'linked' | 'full' {
  const possible = storages.length > 0 && storages.every(({ type }) => SHARES_BLOCKS.has(type));
  if (clone === 'full' || (clone === 'auto' && !possible)) return 'full';
  if (possible) return 'linked';
  const types = storages.map(({ storage, type }) => `${storage} (${type})`).join(', ');
  throw new ProvisionerError(
    'config',
    `clone is 'linked', which the template's storage cannot do: ${types || 'it cannot be seen'}; set clone to 'auto'`,
  );
}
