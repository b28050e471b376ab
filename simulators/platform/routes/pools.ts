import { ns, ok, Refusal } from '../answers.ts';
import { type Call, hex, poolOf, type Route, requirePathProvider } from '../call.ts';
import { U32 } from '../fields.ts';
import type { Platform } from '../options.ts';
import { LOCATIONS } from '../regions.ts';
import type { Delegation, Pool, SetupToken } from '../state.ts';
import { providerRow } from './auto-accept.ts';
import { delegationView } from './delegations.ts';
import { isOnline } from './setup.ts';
import { servedBy } from './work.ts';

export const poolRoutes = [
  { name: 'create-pool', method: 'POST', path: '/providers/:pk/pools', auth: 'provider', json: true, handle: create },
  { name: 'list-pools', method: 'GET', path: '/providers/:pk/pools', auth: 'provider', handle: list },
  { name: 'get-pool', method: 'GET', path: '/providers/:pk/pools/:pool', auth: 'provider', handle: get },
  {
    name: 'update-pool',
    method: 'PUT',
    path: '/providers/:pk/pools/:pool',
    auth: 'provider',
    json: true,
    handle: update,
  },
  { name: 'delete-pool', method: 'DELETE', path: '/providers/:pk/pools/:pool', auth: 'provider', handle: remove },
  { name: 'pool-agents', method: 'GET', path: '/providers/:pk/pools/:pool/agents', auth: 'provider', handle: agents },
  {
    name: 'pool-upgrade',
    method: 'POST',
    path: '/providers/:pk/pools/:pool/upgrade',
    auth: 'provider',
    json: true,
    handle: upgrade,
  },
  {
    name: 'create-token',
    method: 'POST',
    path: '/providers/:pk/pools/:pool/setup-tokens',
    auth: 'provider',
    json: true,
    handle: createToken,
  },
  {
    name: 'list-tokens',
    method: 'GET',
    path: '/providers/:pk/pools/:pool/setup-tokens',
    auth: 'provider',
    handle: listTokens,
  },
  {
    name: 'delete-token',
    method: 'DELETE',
    path: '/providers/:pk/pools/:pool/setup-tokens/:token',
    auth: 'provider',
    handle: deleteToken,
  },
] as const satisfies readonly Route[];

function create(call: Call) {
  const { platform, body, now } = call;
  const [name, location, provisionerType] = [
    body.string('name'),
    body.string('location'),
    body.string('provisionerType'),
  ];
  const provider = requirePathProvider(call);
  checkLocation(location);
  providerRow(platform, provider);
  const slug = name.toLowerCase().replace(/[^\p{L}\p{N}-]/gu, '');
  const id = `${slug}-${hex(platform.random.bytes(4))}`;
  const pool: Pool = { id, provider, name, location, provisionerType, createdAt: now };
  platform.state.pools.set(id, pool);
  return ok(view(pool));
}

function view(pool: Pool): object {
  return {
    poolId: pool.id,
    providerPubkey: pool.provider,
    name: pool.name,
    location: pool.location,
    provisionerType: pool.provisionerType,
    createdAtNs: ns(pool.createdAt),
    upgradeToVersion: pool.upgradeToVersion,
  };
}

function list(call: Call) {
  const provider = requirePathProvider(call);
  const own = [...call.platform.state.pools.values()].filter((pool) => pool.provider === provider);
  return ok(own.map((pool) => ({ ...view(pool), ...statistics(call, pool) })));
}

function statistics({ platform, now }: Call, pool: Pool): object {
  const { state } = platform;
  const members = agentsOf(platform, pool);
  const offerings = [...state.offerings.values()].filter(
    (offering) => offering.provider === pool.provider && servedBy(offering, pool),
  );
  const ids = new Set(offerings.map((offering) => offering.id));
  const active = [...state.contracts.values()].filter(
    (contract) => ids.has(contract.offeringDbId) && (contract.status === 'active' || contract.status === 'provisioned'),
  );
  return {
    agentCount: members.length,
    onlineCount: members.filter((agent) => isOnline(platform, state.beats.get(agent.agent), now)).length,
    activeContracts: active.length,
    offeringsCount: offerings.length,
  };
}

function agentsOf(platform: Platform, pool: Pool): Delegation[] {
  return [...platform.state.agents.values()].filter(
    (agent) => agent.poolId === pool.id && agent.revokedAt === undefined,
  );
}

/** Without statistics: on the server, too, the plain handler is the one that answers. */
function get(call: Call) {
  requirePathProvider(call);
  return ok(view(poolOf(call)));
}

function update(call: Call) {
  const { body } = call;
  const read = {
    name: body.optionalString('name'),
    location: body.optionalString('location'),
    provisionerType: body.optionalString('provisionerType'),
  };
  requirePathProvider(call);
  if (read.location !== undefined) checkLocation(read.location);
  const pool = poolOf(call);
  pool.name = read.name ?? pool.name;
  pool.location = read.location ?? pool.location;
  pool.provisionerType = read.provisionerType ?? pool.provisionerType;
  return ok(true);
}

function remove(call: Call) {
  requirePathProvider(call);
  const pool = poolOf(call);
  const members = agentsOf(call.platform, pool).length;
  if (members > 0) throw new Refusal(`Cannot delete pool with ${members} active agents`);
  return ok(call.platform.state.pools.delete(pool.id));
}

function agents(call: Call) {
  requirePathProvider(call);
  const pool = poolOf(call);
  return ok(agentsOf(call.platform, pool).map((agent) => delegationView(call, agent)));
}

/** Checked with blanks and leading v's trimmed, stored as typed, and never cleared by anyone but the operator. */
function upgrade(call: Call) {
  const version = call.body.optionalString('version');
  requirePathProvider(call);
  const pool = poolOf(call);
  if (version !== undefined && !/^v*\d+\.\d+\.\d+$/.test(version.trim())) {
    throw new Refusal(`Invalid version: ${version}`);
  }
  pool.upgradeToVersion = version;
  return ok(true);
}

function createToken(call: Call) {
  const { platform, body, now } = call;
  const label = body.optionalString('label');
  const hours = body.optionalInteger('expiresInHours', 0, U32) ?? platform.settings.tokenHours;
  const provider = requirePathProvider(call);
  const pool = poolOf(call);
  const token: SetupToken = {
    token: `apt_${pool.location}_${platform.random.uuid().replaceAll('-', '').slice(0, 16)}`,
    poolId: pool.id,
    provider,
    label,
    createdAt: now,
    expiresAt: now + hours * 3_600_000,
  };
  platform.state.tokens.set(token.token, token);
  return ok(tokenView(token));
}

function tokenView(token: SetupToken): object {
  return {
    token: token.token,
    poolId: token.poolId,
    label: token.label,
    createdAtNs: ns(token.createdAt),
    expiresAtNs: ns(token.expiresAt),
    usedAtNs: ns(token.usedAt),
    usedByAgent: token.usedBy,
  };
}

function listTokens(call: Call) {
  requirePathProvider(call);
  const pool = poolOf(call);
  const open = [...call.platform.state.tokens.values()].filter(
    (token) => token.poolId === pool.id && token.usedAt === undefined && token.expiresAt > call.now,
  );
  return ok(open.map(tokenView));
}

/** Looks at who owns the pool, not at whether the token belongs to it. */
function deleteToken(call: Call) {
  requirePathProvider(call);
  poolOf(call);
  return ok(call.platform.state.tokens.delete(call.params['token'] ?? ''));
}

function checkLocation(location: string): void {
  if (!LOCATIONS.includes(location)) {
    throw new Refusal(`Invalid location '${location}'. Must be one of: ${LOCATIONS.join(', ')}`);
  }
}
