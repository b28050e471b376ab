import { type Call, type Endpoint, PveRefusal } from '../call.ts';
import { FLAG, optional, TEXT, USER } from '../rules.ts';

/** The realms that every host has. */
const REALMS = [
  { realm: 'pam', type: 'pam', comment: 'Linux PAM standard authentication' },
  { realm: 'pve', type: 'pve', comment: 'Proxmox VE authentication server' },
] as const;

/** Kind of the user's realm; users of a realm that is not (or no longer) there have none. */
export function realmType(user: string): 'pam' | 'pve' | undefined {
  return REALMS.find(({ realm }) => realm === user.split('@').at(-1))?.type;
}

/** Logging in, and what anybody may see before that. */
export const sessionEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/access/domains',
    params: {},
    permission: 'world',
    open: true,
    handle: () => REALMS,
  },
  { method: 'GET', path: '/access/ticket', params: {}, permission: 'world', open: true, handle: () => null },
  {
    method: 'POST',
    path: '/access/ticket',
    params: {
      username: { type: 'string', maxLength: 64 },
      password: TEXT,
      realm: { type: 'string', format: 'pve-realm', maxLength: 32, optional: true },
      otp: optional(TEXT),
      path: { type: 'string', maxLength: 64, optional: true, requires: 'privs' },
      privs: { type: 'string', format: 'pve-priv-list', maxLength: 64, optional: true, requires: 'path' },
      'new-format': optional(FLAG),
      'tfa-challenge': optional(TEXT),
    },
    permission: 'world',
    open: true,
    protected: true,
    quorum: 'not-needed',
    noToken: true,
    handle: login,
  },
  {
    method: 'PUT',
    path: '/access/password',
    params: {
      userid: USER,
      password: { type: 'string', minLength: 8, maxLength: 64 },
      'confirmation-password': { type: 'string', minLength: 5, maxLength: 64, optional: true },
    },
    permission: [
      'or',
      ['userid-param', 'self'],
      ['and', ['userid-param', 'Realm.AllocateUser'], ['userid-group', ['User.Modify']]],
    ],
    protected: true,
    noToken: true,
    handle({ params, pve }) {
      const user = pve.cluster.users.get(params.text('userid'));
      if (!user) throw new PveRefusal(500, `no such user ('${params.text('userid')}')`);
      user.password = params.text('password');
      return null;
    },
  },
];

/** One text for everything that can be wrong, so that nobody learns which users there are. */
function login({ params, pve }: Call): unknown {
  const realm = params.textOr('realm', undefined);
  const user = realm === undefined ? params.text('username') : `${params.text('username')}@${realm}`;
  const session = pve.login(user, params.text('password'));
  if (!session) throw new PveRefusal(401, 'authentication failure');
  return { username: user, ticket: session.ticket, CSRFPreventionToken: session.csrf, cap: abilities(user, pve) };
}

const KINDS: Readonly<Record<string, RegExp>> = {
  access: /^(User|Group)\.|^Permissions\.Modify$/,
  dc: /^Sys\.(Audit|Modify)$|^SDN\./,
  mapping: /^Mapping\.|^Permissions\.Modify$/,
  nodes: /^Sys\.|^Permissions\.Modify$/,
  sdn: /^SDN\.|^Permissions\.Modify$/,
  storage: /^Datastore\.|^Permissions\.Modify$/,
  vms: /^VM\.|^Permissions\.Modify$/,
};

/** What the user may do anywhere, by kind of thing: the web interface hides its buttons by that. */
function abilities(user: string, pve: Call['pve']): Record<string, Record<string, 1>> {
  const paths = new Set(['/', '/access', '/vms', '/storage', '/nodes', ...pve.cluster.acl.map(({ path }) => path)]);
  const has = new Set([...paths].flatMap((path) => [...pve.on({ user }, path).keys()]));
  const kinds = Object.entries(KINDS).map(([kind, pattern]) => {
    const names = [...has].filter((name) => pattern.test(name));
    return [kind, Object.fromEntries(names.map((name) => [name, 1]))];
  });
  return Object.fromEntries(kinds);
}
