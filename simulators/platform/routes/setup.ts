import { failure, json, ns, ok, Refusal } from '../answers.ts';
import { type Call, type Route, readKey } from '../call.ts';
import type { Platform } from '../options.ts';
import type { AgentBeat, Permission } from '../state.ts';

export const ALL_PERMISSIONS: readonly Permission[] = [
  'provision',
  'health_check',
  'heartbeat',
  'fetch_contracts',
  'dns_manage',
];

export const setupRoutes = [
  { name: 'setup', method: 'POST', path: '/agents/setup', auth: 'none', json: true, handle: setUp },
  { name: 'agent-status', method: 'GET', path: '/providers/:pk/agent-status', auth: 'none', handle: agentStatus },
  {
    name: 'server-health',
    method: 'GET',
    path: '/health',
    auth: 'none',
    handle: ({ platform }) =>
      json(200, { success: true, message: 'Platform simulator is up', environment: platform.settings.environment }),
  },
] as const satisfies readonly Route[];

/** Burns the token first, then writes the delegation: a lost answer leaves a live delegation and a used token. */
function setUp({ platform, body, now }: Call) {
  const text = body.string('token');
  const agent = agentKey(body.string('agentPubkey'));
  const { state } = platform;
  const token = state.tokens.get(text);
  if (!token) throw new Refusal('Invalid setup token');
  if (token.usedAt !== undefined) throw new Refusal('Setup token already used');
  if (token.expiresAt <= now) throw new Refusal('Setup token expired');
  token.usedAt = now;
  token.usedBy = agent;
  const pool = state.pools.get(token.poolId);
  if (!pool) return failure('Pool not found for token');
  // A key that was here before moves to the new pool and is no longer revoked; its birthday stays.
  state.agents.set(agent, {
    agent,
    provider: token.provider,
    poolId: pool.id,
    permissions: [...ALL_PERMISSIONS],
    label: token.label,
    createdAt: state.agents.get(agent)?.createdAt ?? now,
  });
  return ok({
    providerPubkey: token.provider,
    poolId: pool.id,
    poolName: pool.name,
    poolLocation: pool.location,
    provisionerType: pool.provisionerType,
    permissions: ALL_PERMISSIONS,
  });
}

function agentKey(text: string): string {
  try {
    return readKey(text);
  } catch (error) {
    if (error instanceof Refusal) throw new Refusal(`Invalid agent_pubkey: ${error.message}`);
    throw error;
  }
}

/** Only the provider's most recently seen agent; nulls are printed here, unlike everywhere else. */
function agentStatus({ platform, params, now }: Call) {
  const provider = readKey(params['pk'] ?? '');
  let latest: AgentBeat | undefined;
  for (const beat of platform.state.beats.values()) {
    if (beat.provider === provider && (!latest || beat.lastAt > latest.lastAt)) latest = beat;
  }
  if (!latest) return failure('No agent status found for provider');
  return ok({
    providerPubkey: provider,
    online: isOnline(platform, latest, now),
    lastHeartbeatNs: ns(latest.lastAt),
    version: latest.version ?? null,
    provisionerType: latest.provisionerType ?? null,
    capabilities: latest.capabilities ?? null,
    activeContracts: latest.activeContracts,
    resources: latest.resources ?? null,
  });
}

/** Computed when read: the flag is cleared by the daily clean-up only. */
export function isOnline(platform: Platform, beat: AgentBeat | undefined, now: number): boolean {
  return beat?.online === true && now - beat.lastAt < platform.settings.onlineMs;
}
