import { z } from 'zod';
import type { Secret } from '../../src/provisioner/index.ts';
import { type AccessWrites, accessWrites } from './api-access-writes.ts';
import type { Call } from './call.ts';
import { path } from './call-request.ts';
import * as wire from './wire-access.ts';

export type PveLogin =
  | { readonly user: string; readonly ticket: Secret; readonly csrf: Secret }
  /** The password was right, but the account has a second factor, which this client does not ask for. */
  | 'second-factor';

/** Users are `name@realm`, tokens the part after their user's `!`. */
export interface AccessCalls extends AccessWrites {
  /** Open to all. */
  realms(signal: AbortSignal): Promise<wire.PveRealm[]>;
  /** A ticket for two hours. Open to all; a wrong password is answered after 3 s with the reason `unauthorized`. */
  login(user: string, password: Secret, signal: AbortSignal): Promise<PveLogin>;
  /** What the caller itself may do, by path. A privilege that is there is granted, whatever its value. */
  permissions(signal: AbortSignal): Promise<wire.PvePermissions>;
  users(signal: AbortSignal): Promise<wire.PveUser[]>;
  tokens(user: string, signal: AbortSignal): Promise<wire.PveToken[]>;
  roles(signal: AbortSignal): Promise<wire.PveRole[]>;
  /** The privileges of one role; `missing` when there is none of that name. */
  role(role: string, signal: AbortSignal): Promise<ReadonlySet<string>>;
  acl(signal: AbortSignal): Promise<wire.PveAclEntry[]>;
}

export function accessCalls(call: Call): AccessCalls {
  const read = { method: 'GET', effect: 'none' } as const;
  return {
    ...accessWrites(call),

    realms: (signal) =>
      call({ ...read, doing: 'list realms', path: '/access/domains', answer: z.array(wire.realm) }, signal),

    async login(user, password, signal) {
      const answer = await call(
        {
          method: 'POST',
          effect: 'none',
          doing: `log ${user} in`,
          path: '/access/ticket',
          params: { username: user, password },
          answer: wire.login,
        },
        signal,
      );
      if (answer.NeedTFA) return 'second-factor';
      return { user: answer.username, ticket: answer.ticket, csrf: answer.CSRFPreventionToken };
    },

    permissions: (signal) =>
      call(
        { ...read, doing: 'say what the caller may do', path: '/access/permissions', answer: wire.permissions },
        signal,
      ),

    users: (signal) =>
      call({ ...read, doing: 'list users', path: '/access/users', answer: z.array(wire.user) }, signal),

    tokens: (user, signal) =>
      call(
        {
          ...read,
          doing: `list the tokens of ${user}`,
          path: path`/access/users/${user}/token`,
          answer: z.array(wire.token),
        },
        signal,
      ),

    roles: (signal) =>
      call({ ...read, doing: 'list roles', path: '/access/roles', answer: z.array(wire.role) }, signal),

    role: (role, signal) =>
      call(
        { ...read, doing: `show role '${role}'`, path: path`/access/roles/${role}`, answer: wire.rolePrivileges },
        signal,
      ),

    acl: (signal) =>
      call({ ...read, doing: 'list access rules', path: '/access/acl', answer: z.array(wire.aclEntry) }, signal),
  };
}
