import type { RawParams } from '../body.ts';
import { type Caller, type Check, forbidden, type Permission, PveRefusal } from '../call.ts';
import type { Cluster } from '../state.ts';
import { normalizePath, type Rights } from './rights.ts';

/**
 * Asks what an endpoint declares about its callers. It runs before the parameters are checked, on their raw text, as on a
 * real host: who has no right learns nothing about his mistakes.
 *
 * @throws PveRefusal 403 in the words of a real host
 */
export function checkPermission(
  permission: Permission | undefined,
  { caller, raw, rights, cluster }: CheckContext,
): void {
  if (permission === 'all' || permission === 'world') return;
  // The login of root is asked for nothing at all; a token of his is.
  if (caller.user === 'root@pam' && caller.token === undefined) return;
  if (permission === undefined) throw forbidden();
  assertCheck(permission, { caller, raw, rights, cluster });
}

export interface CheckContext {
  readonly caller: Caller;
  readonly raw: RawParams;
  readonly rights: Rights;
  readonly cluster: Cluster;
}

function assertCheck(check: Check, context: CheckContext): void {
  const { caller, raw, rights, cluster } = context;
  switch (check[0]) {
    case 'perm': {
      const [, path, privileges, how] = check;
      return rights.require(caller, filled(path, raw), privileges, how);
    }
    case 'perm-if': {
      const [, parameter, path, privileges] = check;
      if (!raw.has(parameter)) throw forbidden();
      return rights.require(caller, filled(path, raw), privileges);
    }
    case 'perm-modify':
      return rights.require(caller, filled(check[1], raw), modifiers(filled(check[1], raw)), 'any');
    case 'userid-param': {
      const user = textOf(raw, 'userid');
      if (check[1] === 'self') {
        if (!cluster.users.has(user)) throw noSuchUser(user);
        if (caller.user !== user || caller.token !== undefined) throw forbidden();
        return;
      }
      return rights.require(caller, `/access/realm/${user.split('@').at(-1)}`, ['Realm.AllocateUser']);
    }
    case 'userid-group':
      if (!cluster.users.has(textOf(raw, 'userid')) && raw.get('userid') !== undefined) {
        throw noSuchUser(textOf(raw, 'userid'));
      }
      if (!check[1].some((privilege) => rights.may(caller, '/access/groups', privilege))) throw forbidden();
      return;
    case 'and':
      for (const part of check.slice(1)) if (typeof part !== 'string') assertCheck(part, context);
      return;
    case 'or':
      for (const part of check.slice(1)) if (typeof part !== 'string' && holds(part, context)) return;
      throw forbidden();
    default:
  }
}

function holds(check: Check, context: CheckContext): boolean {
  try {
    assertCheck(check, context);
    return true;
  } catch (error) {
    if (error instanceof PveRefusal && error.status === 403) return false;
    throw error;
  }
}

/** Who may hand out rights on a path: who may make things there may also share them. */
function modifiers(path: string): string[] {
  const kind = normalizePath(path).split('/')[1];
  const own = { storage: 'Datastore.Allocate', vms: 'VM.Allocate', pool: 'Pool.Allocate' }[kind ?? ''];
  return own === undefined ? ['Permissions.Modify'] : ['Permissions.Modify', own];
}

function noSuchUser(user: string): PveRefusal {
  return new PveRefusal(500, `no such user ('${user}')`);
}

function filled(path: string, raw: RawParams): string {
  return path.replace(/\{([^}]+)\}/g, (_, name: string) => textOf(raw, name));
}

function textOf(raw: RawParams, name: string): string {
  const value = raw.get(name);
  return typeof value === 'string' ? value : (value?.[0] ?? '');
}
