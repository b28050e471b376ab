import type { Secret } from '../../src/provisioner/index.ts';
import type { Call } from './call.ts';
import { path } from './call-request.ts';
import { CLUSTER_WRITES } from './gate-lanes.ts';
import { nothing } from './wire.ts';
import { newToken } from './wire-access.ts';

/** One right: a role on a path for one user or one token (`user@realm!token`). Handed down to what is below. */
export interface AclChange {
  readonly path: string;
  readonly role: string;
  readonly to: { readonly user: string } | { readonly token: string };
}

/** For the setup, which an administrator allows to do this once. `exists` and `missing` are the reasons to look for. */
export interface AccessWrites {
  createUser(user: string, comment: string, signal: AbortSignal): Promise<void>;
  /** Remove its tokens first: they would stay behind, out of sight. Removing a missing user is success. */
  removeUser(user: string, signal: AbortSignal): Promise<void>;
  /** A token with rights of its own. Its secret is told this once; when the answer is lost, remove the token and make another. */
  createToken(
    user: string,
    token: string,
    comment: string,
    signal: AbortSignal,
  ): Promise<{ id: string; secret: Secret }>;
  removeToken(user: string, token: string, signal: AbortSignal): Promise<void>;
  createRole(role: string, privileges: readonly string[], signal: AbortSignal): Promise<void>;
  /** Gives a role exactly these privileges. */
  setRole(role: string, privileges: readonly string[], signal: AbortSignal): Promise<void>;
  /** A role in use goes too, and with it every rule that names it. */
  removeRole(role: string, signal: AbortSignal): Promise<void>;
  /** A path that names nothing is accepted, so look first. */
  allow(change: AclChange, signal: AbortSignal): Promise<void>;
  disallow(change: AclChange, signal: AbortSignal): Promise<void>;
}

export function accessWrites(call: Call): AccessWrites {
  const write = { effect: 'repeatable', lane: CLUSTER_WRITES, answer: nothing } as const;
  const acl = (change: AclChange, remove: true | undefined, signal: AbortSignal): Promise<void> =>
    call(
      {
        ...write,
        method: 'PUT',
        doing: `${remove ? 'take away' : 'give'} a right on ${change.path}`,
        path: '/access/acl',
        params: {
          path: change.path,
          roles: change.role,
          ...('user' in change.to ? { users: change.to.user } : { tokens: change.to.token }),
          propagate: true,
          delete: remove,
        },
      },
      signal,
    );
  return {
    createUser: (user, comment, signal) =>
      call(
        {
          ...write,
          method: 'POST',
          doing: `create user ${user}`,
          path: '/access/users',
          params: { userid: user, comment },
        },
        signal,
      ),

    removeUser: (user, signal) =>
      call({ ...write, method: 'DELETE', doing: `remove user ${user}`, path: path`/access/users/${user}` }, signal),

    createToken: (user, token, comment, signal) =>
      call(
        {
          ...write,
          effect: 'once',
          method: 'POST',
          doing: `create token ${user}!${token}`,
          path: path`/access/users/${user}/token/${token}`,
          params: { privsep: true, comment },
          answer: newToken,
        },
        signal,
      ),

    removeToken: (user, token, signal) =>
      call(
        {
          ...write,
          method: 'DELETE',
          doing: `remove token ${user}!${token}`,
          path: path`/access/users/${user}/token/${token}`,
        },
        signal,
      ),

    createRole: (role, privileges, signal) =>
      call(
        {
          ...write,
          method: 'POST',
          doing: `create role '${role}'`,
          path: '/access/roles',
          params: { roleid: role, privs: privileges.join(',') },
        },
        signal,
      ),

    setRole: (role, privileges, signal) =>
      call(
        {
          ...write,
          method: 'PUT',
          doing: `set the privileges of role '${role}'`,
          path: path`/access/roles/${role}`,
          params: { privs: privileges.join(',') },
        },
        signal,
      ),

    removeRole: (role, signal) =>
      call({ ...write, method: 'DELETE', doing: `remove role '${role}'`, path: path`/access/roles/${role}` }, signal),

    allow: (change, signal) => acl(change, undefined, signal),
    disallow: (change, signal) => acl(change, true, signal),
  };
}
