import type { AclChange } from '../api-access-writes.ts';
import { parseOptions } from '../options.ts';
import { missingRights, neededRights } from '../rights.ts';
import type { ProxmoxSettings } from '../schema.ts';
import { storagesOf } from '../template.ts';
import type { VmConfig } from '../wire.ts';
import type { PvePermissions, PveRole } from '../wire-access.ts';

/** What the agent gets: one role with these privileges, on these paths, for its user and for its token. */
export interface Grants {
  readonly privileges: readonly string[];
  readonly paths: readonly string[];
}

/**
 * Exactly what the plugin asks for in this version, and that the pool may be seen. `template` is the operator's own. One role on all paths gives no more than a role for
 * each: Proxmox asks for a storage's privileges on storages only, for a guest's on guests and their pool only.
 */
export function grantsFor(settings: ProxmoxSettings, major: number, template?: VmConfig): Grants {
  const used = template === undefined ? [] : storagesOf(template);
  const needs = neededRights(settings, major, [...new Set([settings.storage, ...used])]);
  const privileges = new Set(needs.flatMap((need) => need.privileges));
  if (settings.pool !== undefined) privileges.add('Pool.Audit');
  const paths = new Set(needs.map(({ path }) => path));
  // A clone is checked against the bridge of its template, also when it gets another one.
  const bridge = parseOptions(template?.['net0']).get('bridge');
  if (bridge !== undefined && major >= 8) paths.add(`/sdn/zones/localnetwork/${bridge}`);
  return { privileges: [...privileges].sort(), paths: [...paths] };
}

/** A token has only what its user has too, so every right is given twice. */
export function aclOf({ paths }: Grants, role: string, user: string, token: string): AclChange[] {
  return paths.flatMap((path) => [
    { path, role, to: { user } },
    { path, role, to: { token: `${user}!${token}` } },
  ]);
}

/** What the administrator lacks for setting this up, as `privilege on path`. */
export function adminLacks(
  permissions: PvePermissions,
  work: { readonly buildsTemplates: boolean; readonly roles: readonly PveRole[] },
): string[] {
  const known = privilegesOf(work.roles);
  const needs = [
    { path: '/access', privileges: ['Sys.Modify', 'Permissions.Modify'] },
    { path: '/access/groups', privileges: ['User.Modify'] },
    { path: '/access/realm/pve', privileges: ['Realm.AllocateUser'] },
    { path: '/pool', privileges: ['Pool.Allocate', 'Pool.Audit', 'Permissions.Modify'] },
    { path: '/vms', privileges: ['VM.Audit'] },
    { path: '/nodes', privileges: ['Permissions.Modify', 'Sys.Audit'] },
    { path: '/sdn', privileges: ['Permissions.Modify', 'SDN.Use'] },
    { path: '/storage', privileges: ['Datastore.Allocate', 'Permissions.Modify'] },
    ...(work.buildsTemplates
      ? [
          { path: '/', privileges: ['Sys.Audit', 'Sys.Modify'] },
          { path: '/storage', privileges: ['Datastore.AllocateSpace', 'Datastore.AllocateTemplate'] },
          {
            path: '/vms',
            privileges: [
              'VM.Allocate',
              'VM.Config.CDROM',
              'VM.Config.CPU',
              'VM.Config.Cloudinit',
              'VM.Config.Disk',
              'VM.Config.HWType',
              'VM.Config.Memory',
              'VM.Config.Network',
              'VM.Config.Options',
            ],
          },
        ]
      : []),
  ];
  return needs.flatMap(({ path, privileges }) => {
    const asked = privileges.filter((privilege) => known.has(privilege));
    const missing = missingRights(permissions, { path, privileges: asked, for: '', level: 'fail' });
    return missing.map((privilege) => `${privilege} on ${path}`);
  });
}

/** Every privilege of this version: the built-in Administrator has them all, and a version refuses names that it does not know. */
export function privilegesOf(roles: readonly PveRole[]): ReadonlySet<string> {
  return roles.find(({ id }) => id === 'Administrator')?.privileges ?? new Set();
}
