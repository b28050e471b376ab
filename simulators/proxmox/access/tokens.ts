import { badParameters, type Call, died, type Endpoint } from '../call.ts';
import { FLAG, optional, TEXT, TOKEN, USER } from '../rules.ts';
import type { Token, User } from '../state.ts';
import { forget, knownUser } from './users.ts';

const OWNER = ['or', ['userid-param', 'self'], ['userid-group', ['User.Modify']]] as const;
const PLACE = { userid: USER, tokenid: TOKEN } as const;
const ABOUT = {
  comment: optional(TEXT),
  expire: { type: 'integer', optional: true, minimum: 0 },
  privsep: optional(FLAG),
} as const;

export const tokenEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/access/users/{userid}/token',
    params: { userid: USER },
    permission: OWNER,
    handle: ({ params, pve }) =>
      [...knownUser(pve, params.text('userid')).tokens.values()].map((token) => ({
        tokenid: token.name,
        ...aboutToken(token),
      })),
  },
  {
    method: 'GET',
    path: '/access/users/{userid}/token/{tokenid}',
    params: PLACE,
    permission: OWNER,
    handle: (call) => aboutToken(knownToken(call).token),
  },
  {
    method: 'POST',
    path: '/access/users/{userid}/token/{tokenid}',
    params: { ...PLACE, ...ABOUT },
    permission: OWNER,
    protected: true,
    handle: create,
  },
  {
    method: 'PUT',
    path: '/access/users/{userid}/token/{tokenid}',
    params: {
      ...PLACE,
      ...ABOUT,
      delete: { type: 'string', optional: true, format: 'pve-configid-list', only: '9.1' },
    },
    permission: OWNER,
    protected: true,
    handle: update,
  },
  {
    method: 'DELETE',
    path: '/access/users/{userid}/token/{tokenid}',
    params: PLACE,
    permission: OWNER,
    protected: true,
    handle(call) {
      const { user, token } = knownToken(call);
      user.tokens.delete(token.name);
      forget(call.pve.cluster.acl, ({ who }) => who === `${user.id}!${token.name}`);
      return null;
    },
  },
];

function knownToken({ params, pve }: Call): { user: User; token: Token } {
  const user = knownUser(pve, params.text('userid'));
  const token = user.tokens.get(params.text('tokenid'));
  if (!token) throw died(`no such token '${params.text('tokenid')}' for user '${user.id}'`);
  return { user, token };
}

/** The secret is in this answer and nowhere else, ever. What was given is told back as text, as it came. */
function create({ params, pve }: Call): object {
  const user = knownUser(pve, params.text('userid'));
  const name = params.text('tokenid');
  if (user.tokens.has(name)) throw badParameters({ tokenid: 'Token already exists.' });
  const token: Token = {
    name,
    secret: pve.random.uuid(),
    privsep: params.flag('privsep', true),
    expire: params.intOr('expire', user.expire),
    ...(params.has('comment') ? { comment: params.text('comment') } : {}),
  };
  user.tokens.set(name, token);
  const info = {
    privsep: params.has('privsep') ? String(Number(token.privsep)) : 1,
    ...(params.has('expire') ? { expire: String(token.expire) } : {}),
    ...(token.comment === undefined ? {} : { comment: token.comment }),
  };
  return { 'full-tokenid': `${user.id}!${name}`, value: token.secret, info };
}

function update(call: Call): object {
  const { params } = call;
  const { token } = knownToken(call);
  token.privsep = params.flag('privsep', token.privsep);
  token.expire = params.intOr('expire', token.expire);
  if (params.has('comment')) token.comment = params.text('comment');
  if (params.list('delete').includes('comment')) delete token.comment;
  return { ...aboutToken(token), ...(params.has('expire') ? { expire: String(token.expire) } : {}) };
}

function aboutToken({ comment, expire, privsep }: Token): object {
  return { ...(comment === undefined ? {} : { comment }), expire, privsep: privsep ? 1 : 0 };
}
