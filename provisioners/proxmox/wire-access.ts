import { z } from 'zod';
import { Secret } from '../../src/provisioner/index.ts';
import { count, flag, maybe, text } from './wire-scalars.ts';

const secret = z
  .string()
  .min(1)
  .transform((value) => new Secret(value));

export const realm = z.object({ realm: text, type: text, comment: maybe(text), default: flag });
export type PveRealm = z.infer<typeof realm>;

/** A correct password of an account with a second factor gets a ticket that only the second step may use. */
export const login = z.object({
  username: text,
  ticket: secret,
  CSRFPreventionToken: secret,
  NeedTFA: flag,
});

/** Path to privileges; the value is whether the right is handed down, not whether it is there. */
export const permissions = z
  .record(z.string(), z.record(z.string(), z.unknown()))
  .transform(
    (paths): PvePermissions =>
      new Map(Object.entries(paths).map(([path, privileges]) => [path, new Set(Object.keys(privileges))])),
  );
export type PvePermissions = ReadonlyMap<string, ReadonlySet<string>>;

export const user = z.object({ userid: text, enable: flag, expire: maybe(count), comment: maybe(text) });
export type PveUser = z.infer<typeof user>;

export const token = z.object({ tokenid: text, privsep: flag, expire: maybe(count), comment: maybe(text) });
export type PveToken = z.infer<typeof token>;

export const newToken = z
  .object({ 'full-tokenid': text, value: secret })
  .transform((raw) => ({ id: raw['full-tokenid'], secret: raw.value }));

const privileges = (joined: string): ReadonlySet<string> => new Set(joined.split(',').filter(Boolean));

export const role = z.object({ roleid: text, privs: maybe(text), special: flag }).transform((raw) => ({
  id: raw.roleid,
  privileges: privileges(raw.privs ?? ''),
  builtIn: raw.special,
}));
export type PveRole = z.infer<typeof role>;

export const rolePrivileges = z
  .record(z.string(), z.unknown())
  .transform((raw): ReadonlySet<string> => new Set(Object.keys(raw)));

export const aclEntry = z.object({ path: text, type: text, ugid: text, roleid: text, propagate: flag });
export type PveAclEntry = z.infer<typeof aclEntry>;
