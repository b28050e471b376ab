import { type Caller, forbidden, type Personality } from '../call.ts';
import type { Cluster } from '../state.ts';
import { privilegesOf } from './privileges.ts';

/** A privilege somebody has on a path; true: also on what lies below it. */
export type Granted = ReadonlyMap<string, boolean>;

/** Who may do what where, as PVE reckons it from roles, ACL entries, pools and token separation. */
export interface Rights {
  on(caller: Caller, path: string): Granted;
  may(caller: Caller, path: string, privilege: string): boolean;
  /** See `Call.require`. */
  require(caller: Caller, path: string, privileges: readonly string[], how?: 'any'): void;
}

export function createRights(cluster: Cluster, personality: Personality): Rights {
  function on(caller: Caller, path: string): Granted {
    if (caller.token === undefined) return ofUser(caller.user, path);
    const token = cluster.users.get(caller.user)?.tokens.get(caller.token);
    if (!token) return new Map();
    const user = ofUser(caller.user, path);
    if (!token.privsep) return user;
    const own = granted(cluster, `${caller.user}!${caller.token}`, path);
    const both = [...own].filter(([privilege]) => user.has(privilege));
    return new Map(both.map(([privilege, below]) => [privilege, below && user.get(privilege) === true]));
  }

  function ofUser(user: string, path: string): Granted {
    if (user === 'root@pam') return new Map(privilegesOf(personality).map((name) => [name, true]));
    return granted(cluster, user, path);
  }

  const may: Rights['may'] = (caller, path, privilege) => on(caller, normalizePath(path)).has(privilege);
  return {
    on: (caller, path) => on(caller, normalizePath(path)),
    may,
    require(caller, path, privileges, how) {
      const place = normalizePath(path);
      const has = on(caller, place);
      if (how === 'any') {
        if (!privileges.some((name) => has.has(name))) throw forbidden(`${place}, ${privileges.join('|')}`);
        return;
      }
      const missing = privileges.find((name) => !has.has(name));
      if (missing !== undefined) throw forbidden(`${place}, ${missing}`);
    },
  };
}

/** Without doubled or closing slashes, and with one at the start. */
export function normalizePath(path: string): string {
  const parts = path.split('/').filter((part) => part !== '');
  return `/${parts.join('/')}`;
}

/** Privileges of one user or token by itself: from the ACL, and from the pool that the machine or storage is in. */
function granted(cluster: Cluster, who: string, path: string): Granted {
  const roles = rolesOn(cluster, who, path);
  const found = new Map<string, boolean>();
  if (roles.has('NoAccess')) return found;
  for (const [role, propagate] of roles) {
    for (const privilege of cluster.roles.get(role) ?? [])
      found.set(privilege, propagate || found.get(privilege) === true);
  }
  for (const pool of poolsOf(cluster, path)) {
    for (const role of rolesOn(cluster, who, `/pool/${pool}`).keys()) {
      for (const privilege of cluster.roles.get(role) ?? []) if (!found.has(privilege)) found.set(privilege, false);
    }
  }
  return found;
}

/**
 * Roles on a path, and whether each goes on below. What is said at a place replaces everything said above it; what a group
 * would give counts only where nothing names the user.
 */
function rolesOn(cluster: Cluster, who: string, path: string): Map<string, boolean> {
  let roles = new Map<string, boolean>();
  for (const place of placesAbove(path)) {
    const here = cluster.acl.filter((entry) => entry.path === place && entry.who === who && entry.kind !== 'group');
    const counting = here.filter((entry) => entry.propagate || place === path);
    if (counting.length > 0) roles = new Map(counting.map(({ role, propagate }) => [role, propagate]));
  }
  return roles;
}

/** `/`, `/pool`, `/pool/x` for `/pool/x`. */
export function placesAbove(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '');
  return ['/', ...parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)];
}

function poolsOf(cluster: Cluster, path: string): string[] {
  const [, kind, id] = /^\/(vms|storage)\/([^/]+)$/.exec(path) ?? [];
  if (kind === 'vms') {
    const pool = cluster.guests.get(Number(id))?.pool;
    return pool === undefined ? [] : [pool];
  }
  if (kind !== 'storage' || id === undefined) return [];
  return [...cluster.pools].filter(([, { storages }]) => storages.has(id)).map(([name]) => name);
}
