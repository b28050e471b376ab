import { badParameters, type Call, died, type Endpoint } from '../call.ts';
import { FLAG, optional, TEXT } from '../rules.ts';
import type { AclEntry } from '../state.ts';
import { normalizePath } from './rights.ts';
import { forget } from './users.ts';

export const aclEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/access/acl',
    params: {},
    permission: 'all',
    handle: list,
  },
  {
    method: 'PUT',
    path: '/access/acl',
    params: {
      path: TEXT,
      roles: { type: 'string', format: 'pve-roleid-list' },
      users: { type: 'string', format: 'pve-userid-list', optional: true },
      tokens: { type: 'string', format: 'pve-tokenid-list', optional: true },
      groups: { type: 'string', format: 'pve-groupid-list', optional: true },
      propagate: optional(FLAG),
      delete: optional(FLAG),
    },
    permission: ['perm-modify', '{path}'],
    protected: true,
    handle: update,
  },
];

const NAME = '[A-Za-z0-9.\\-_]+';
const PLACES = [
  '',
  'access',
  'access/groups',
  `access/(?:groups|realm)/${NAME}`,
  'access/realm',
  'mapping',
  `mapping/(?:dir|hwrng|pci|usb)(?:/${NAME})?`,
  'nodes',
  `nodes/${NAME}`,
  'pool',
  `pool/${NAME}(?:/${NAME}){0,2}`,
  'sdn',
  `sdn/(?:controllers|dns|ipams|fabrics|zones)(?:/${NAME})?`,
  `sdn/zones/${NAME}/${NAME}(?:/[1-9][0-9]{0,3})?`,
  'storage',
  `storage/${NAME}`,
  'vms',
  'vms/[1-9][0-9]{2,}',
];
const ACL_PATH = new RegExp(`^/(?:${PLACES.join('|')})$`);

/** Can rights be given there? Whether the thing exists is not asked. `path` is normalised. */
export function isAclPath(path: string): boolean {
  return ACL_PATH.test(path);
}

/** Only what the caller could change. */
function list({ pve, may }: Call): unknown[] {
  const own: Readonly<Record<string, string>> = {
    storage: 'Datastore.Allocate',
    vms: 'VM.Allocate',
    pool: 'Pool.Allocate',
  };
  const mayChange = (path: string): boolean =>
    may(path, 'Permissions.Modify') || may(path, own[path.split('/')[1] ?? ''] ?? 'Permissions.Modify');
  return pve.cluster.acl
    .filter(({ path }) => mayChange(path))
    .map(({ path, kind, who, role, propagate }) => ({
      path,
      type: kind,
      ugid: who,
      roleid: role,
      propagate: propagate ? 1 : 0,
    }));
}

/** Adds or takes away; both can be repeated. Roles and names must exist, also to be taken away; the place need not. */
function update({ params, pve: { cluster } }: Call): null {
  const path = normalizePath(params.text('path'));
  const whom = subjects(params);
  if (whom.length === 0) {
    const text = "either 'users', 'groups' or 'tokens' is required.";
    throw badParameters({ users: text, groups: text, tokens: text });
  }
  if (!isAclPath(path)) throw badParameters({ path: `invalid ACL path '${params.text('path')}'` });
  for (const role of params.list('roles')) {
    if (!cluster.roles.has(role)) throw died(`ACL update failed: role '${role}' does not exist`);
  }
  for (const subject of whom) assertExists(subject, cluster);
  for (const role of params.list('roles')) {
    for (const { kind, who } of whom) {
      forget(cluster.acl, (entry) => entry.path === path && entry.who === who && entry.role === role);
      if (!params.flag('delete')) {
        cluster.acl.push({ path, kind, who, role, propagate: params.flag('propagate', true) });
      }
    }
  }
  return null;
}

function subjects(params: Call['params']): Pick<AclEntry, 'kind' | 'who'>[] {
  return [
    ...params.list('groups').map((who) => ({ kind: 'group', who }) as const),
    ...params.list('users').map((who) => ({ kind: 'user', who }) as const),
    ...params.list('tokens').map((who) => ({ kind: 'token', who }) as const),
  ];
}

function assertExists({ kind, who }: Pick<AclEntry, 'kind' | 'who'>, cluster: Call['pve']['cluster']): void {
  if (kind === 'group') throw died(`ACL update failed: group '${who}' does not exist`);
  const [user = '', token] = who.split('!');
  const known = cluster.users.get(user);
  if (!known && kind === 'user') throw died(`ACL update failed: user '${user}' does not exist`);
  if (token !== undefined && !known?.tokens.has(token)) {
    throw died(`ACL update failed: no such token '${token}' for user '${user}'`);
  }
}
