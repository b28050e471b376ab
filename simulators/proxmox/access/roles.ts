import { badParameters, type Call, died, type Endpoint } from '../call.ts';
import { ROLE } from '../rules.ts';
import { isBuiltIn } from './privileges.ts';
import { forget } from './users.ts';

const PRIVILEGES = { type: 'string', format: 'pve-priv-list', optional: true } as const;
const ADMIN = ['perm', '/access', ['Sys.Modify']] as const;

export const roleEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/access/roles',
    params: {},
    permission: 'all',
    handle: ({ pve }) =>
      [...pve.cluster.roles].map(([roleid, privileges]) => ({
        roleid,
        privs: [...privileges].toSorted().join(','),
        special: isBuiltIn(roleid) ? 1 : 0,
      })),
  },
  {
    method: 'POST',
    path: '/access/roles',
    params: { roleid: ROLE, privs: PRIVILEGES },
    permission: ADMIN,
    protected: true,
    handle: create,
  },
  {
    method: 'GET',
    path: '/access/roles/{roleid}',
    params: { roleid: ROLE },
    permission: 'all',
    handle({ params, pve }) {
      const privileges = pve.cluster.roles.get(params.text('roleid'));
      if (!privileges) throw died(`role '${params.text('roleid')}' does not exist`);
      return Object.fromEntries([...privileges].map((name) => [name, 1]));
    },
  },
  {
    method: 'PUT',
    path: '/access/roles/{roleid}',
    params: { roleid: ROLE, privs: PRIVILEGES, append: { type: 'boolean', optional: true, requires: 'privs' } },
    permission: ADMIN,
    protected: true,
    handle: update,
  },
  {
    method: 'DELETE',
    path: '/access/roles/{roleid}',
    params: { roleid: ROLE },
    permission: ADMIN,
    protected: true,
    handle: remove,
  },
];

function create({ params, pve: { cluster } }: Call): null {
  const role = params.text('roleid');
  if (/^PVE/i.test(role)) {
    throw badParameters({ roleid: `cannot use role ID starting with the (case-insensitive) 'PVE' namespace` });
  }
  if (cluster.roles.has(role)) throw died(`create role failed: role '${role}' already exists`);
  cluster.roles.set(role, new Set(params.list('privs')));
  return null;
}

function update({ params, pve: { cluster } }: Call): null {
  const role = params.text('roleid');
  if (isBuiltIn(role)) throw died(`auto-generated role '${role}' cannot be modified`);
  const before = cluster.roles.get(role);
  if (!before) throw died(`update role failed: role '${role}' does not exist`);
  cluster.roles.set(role, new Set([...(params.flag('append') ? before : []), ...params.list('privs')]));
  return null;
}

/** A role in use goes too, and every ACL entry with it. */
function remove({ params, pve: { cluster } }: Call): null {
  const role = params.text('roleid');
  if (isBuiltIn(role)) throw died(`auto-generated role '${role}' cannot be deleted`);
  if (!cluster.roles.delete(role)) throw died(`delete role failed: role '${role}' does not exist`);
  forget(cluster.acl, (entry) => entry.role === role);
  return null;
}
