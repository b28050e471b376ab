import { badParameters, type Call, type Caller, type Endpoint } from '../call.ts';
import { optional, TEXT } from '../rules.ts';
import { isAclPath } from './acl.ts';
import { normalizePath, placesAbove } from './rights.ts';

/** What somebody may do, by path: the self-check of a token. */
export const permissionEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/access/permissions',
    params: {
      path: optional(TEXT),
      userid: {
        type: 'string',
        optional: true,
        pattern: /[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+(?:![A-Za-z][A-Za-z0-9.\-_]+)?/,
      },
    },
    permission: 'all',
    handle: permissions,
  },
];

const ALWAYS = ['/', '/access', '/access/groups', '/nodes', '/pool', '/sdn', '/storage', '/vms'];

/** 1: the right goes on below the path; 0: it does not (it comes from a pool). Paths without any right are left out. */
function permissions({ params, caller, pve, require }: Call): Record<string, Record<string, 0 | 1>> {
  const whom = subject(params.textOr('userid', undefined)) ?? caller;
  const isOwn = whom.user === caller.user && (caller.token === undefined || caller.token === whom.token);
  if (!isOwn) require('/access', ['Sys.Audit']);
  const show = (path: string): Record<string, 0 | 1> =>
    Object.fromEntries([...pve.on(whom, path)].map(([name, below]) => [name, below ? 1 : 0]));

  const asked = params.textOr('path', undefined);
  if (asked !== undefined) {
    const path = normalizePath(asked);
    if (!isAclPath(path)) throw badParameters({ path: `invalid ACL path '${asked}'` });
    return { [path]: show(path) };
  }
  const { acl, guests, pools } = pve.cluster;
  const paths = new Set([
    ...ALWAYS,
    ...acl.flatMap(({ path }) => placesAbove(path)),
    ...[...guests.values()].filter(({ pool }) => pool !== undefined).map(({ vmid }) => `/vms/${vmid}`),
    ...[...pools.values()].flatMap(({ storages }) => [...storages].map((storage) => `/storage/${storage}`)),
  ]);
  const shown = [...paths].map((path) => [path, show(path)] as const);
  return Object.fromEntries(shown.filter(([, privileges]) => Object.keys(privileges).length > 0));
}

function subject(userid: string | undefined): Caller | undefined {
  if (userid === undefined) return undefined;
  const [user = '', token] = userid.split('!');
  return token === undefined ? { user } : { user, token };
}
