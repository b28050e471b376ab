import { type Call, died, type Endpoint } from '../call.ts';
import { FLAG, optional, USER } from '../rules.ts';
import type { User } from '../state.ts';
import { realmType } from './sessions.ts';

const ABOUT = {
  comment: { type: 'string', optional: true, maxLength: 2048 },
  email: { type: 'string', optional: true, maxLength: 254, format: 'email-opt' },
  enable: optional(FLAG),
  expire: { type: 'integer', optional: true, minimum: 0 },
  firstname: { type: 'string', optional: true, maxLength: 1024 },
  groups: { type: 'string', optional: true, format: 'pve-groupid-list' },
  keys: { type: 'string', optional: true, pattern: /[0-9a-zA-Z!=]{0,4096}/ },
  lastname: { type: 'string', optional: true, maxLength: 1024 },
} as const;

export const userEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/access/users',
    params: { enabled: optional(FLAG), full: optional(FLAG) },
    permission: 'all',
    protected: true,
    handle: list,
  },
  {
    method: 'POST',
    path: '/access/users',
    params: { ...ABOUT, userid: USER, password: { type: 'string', optional: true, minLength: 8, maxLength: 64 } },
    permission: ['and', ['userid-param', 'Realm.AllocateUser'], ['perm', '/access/groups', ['User.Modify']]],
    protected: true,
    handle: create,
  },
  {
    method: 'GET',
    path: '/access/users/{userid}',
    params: { userid: USER },
    permission: ['userid-group', ['User.Modify', 'Sys.Audit']],
    handle: ({ params, pve }) => details(knownUser(pve, params.text('userid'))),
  },
  {
    method: 'PUT',
    path: '/access/users/{userid}',
    params: { ...ABOUT, userid: USER, append: { type: 'boolean', optional: true, requires: 'groups' } },
    permission: ['userid-group', ['User.Modify']],
    protected: true,
    handle({ params, pve }) {
      const user = knownUser(pve, params.text('userid'));
      user.enable = params.flag('enable', user.enable);
      user.expire = params.intOr('expire', user.expire);
      if (params.has('comment')) user.comment = params.text('comment');
      return null;
    },
  },
  {
    method: 'DELETE',
    path: '/access/users/{userid}',
    params: { userid: USER },
    permission: ['and', ['userid-param', 'Realm.AllocateUser'], ['userid-group', ['User.Modify']]],
    protected: true,
    handle: remove,
  },
];

/** @throws PveRefusal 500 when there is none of that name */
export function knownUser(pve: Call['pve'], id: string): User {
  const user = pve.cluster.users.get(id);
  if (!user) throw died(`no such user ('${id}')`);
  return user;
}

/** Everybody, or only himself for one who may not see the others. */
function list({ params, pve, caller, may }: Call): unknown[] {
  const seesAll = may('/access/groups', 'User.Modify') || may('/access/groups', 'Sys.Audit');
  const shown = [...pve.cluster.users.values()]
    .filter(({ id }) => seesAll || id === caller.user)
    .filter(({ enable }) => !params.has('enabled') || enable === params.flag('enabled'));
  return shown.map((user) => ({
    userid: user.id,
    enable: user.enable ? 1 : 0,
    expire: user.expire,
    ...(user.comment === undefined ? {} : { comment: user.comment, email: '' }),
    ...(realmType(user.id) === undefined ? {} : { 'realm-type': realmType(user.id) }),
    ...(params.flag('full') ? { groups: '', tokens: tokensOf(user) } : {}),
  }));
}

function tokensOf(user: User): unknown[] | null {
  if (user.tokens.size === 0) return null;
  return [...user.tokens.values()].map(({ name, privsep, expire, comment }) => ({
    tokenid: name,
    privsep: privsep ? 1 : 0,
    expire,
    ...(comment === undefined ? {} : { comment }),
  }));
}

function details(user: User): object {
  const tokens = [...user.tokens.values()].map(({ name, privsep, expire, comment }) => [
    name,
    { privsep: privsep ? 1 : 0, expire, ...(comment === undefined ? {} : { comment }) },
  ]);
  return {
    enable: user.enable ? 1 : 0,
    expire: user.expire,
    email: '',
    groups: [],
    ...(user.comment === undefined ? {} : { comment: user.comment }),
    tokens: tokens.length === 0 ? null : Object.fromEntries(tokens),
  };
}

/** The realm is not looked at: a user of one that does not exist is taken. */
function create({ params, pve }: Call): null {
  const id = params.text('userid');
  if (pve.cluster.users.has(id)) throw died(`create user failed: user '${id}' already exists`);
  pve.cluster.users.set(id, {
    id,
    enable: params.flag('enable', true),
    expire: params.intOr('expire', 0),
    ...(params.has('comment') ? { comment: params.text('comment') } : {}),
    ...(params.has('password') ? { password: params.text('password') } : {}),
    tokens: new Map(),
  });
  return null;
}

/** Takes the user's tokens and all their ACL entries along; a user who is not there is deleted all the same. */
function remove({ params, pve: { cluster } }: Call): null {
  const id = params.text('userid');
  cluster.users.delete(id);
  forget(cluster.acl, ({ who }) => who === id || who.startsWith(`${id}!`));
  return null;
}

/** Removes in place what matches. */
export function forget<T>(list: T[], matches: (item: T) => boolean): void {
  const left = list.filter((item) => !matches(item));
  list.splice(0, list.length, ...left);
}
