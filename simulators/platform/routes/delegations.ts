import { ns, ok, Refusal } from '../answers.ts';
import { type Call, type Route, readKey, requirePathProvider } from '../call.ts';
import type { Delegation } from '../state.ts';
import { isOnline } from './setup.ts';

export const delegationRoutes = [
  { name: 'delegations', method: 'GET', path: '/providers/:pk/agent-delegations', auth: 'provider', handle: list },
  {
    name: 'revoke',
    method: 'DELETE',
    path: '/providers/:pk/agent-delegations/:agent',
    auth: 'provider',
    handle: revoke,
  },
  {
    name: 'label',
    method: 'PUT',
    path: '/providers/:pk/agent-delegations/:agent/label',
    auth: 'provider',
    json: true,
    handle: relabel,
  },
] as const satisfies readonly Route[];

/** Revoked ones included. */
function list(call: Call) {
  const provider = requirePathProvider(call);
  const own = [...call.platform.state.agents.values()].filter((agent) => agent.provider === provider);
  return ok(own.map((agent) => delegationView(call, agent)));
}

export function delegationView({ platform, now }: Call, agent: Delegation): object {
  const beat = platform.state.beats.get(agent.agent);
  return {
    agentPubkey: agent.agent,
    providerPubkey: agent.provider,
    permissions: agent.permissions,
    expiresAtNs: ns(agent.expiresAt),
    label: agent.label,
    createdAtNs: ns(agent.createdAt),
    active: agent.revokedAt === undefined,
    poolId: agent.poolId,
    online: isOnline(platform, beat, now),
    version: beat?.version,
    lastHeartbeatNs: ns(beat?.lastAt),
  };
}

function revoke(call: Call) {
  const agent = delegationOf(call);
  if (agent.revokedAt !== undefined) return ok(false);
  agent.revokedAt = call.now;
  return ok(true);
}

function relabel(call: Call) {
  const label = call.body.string('label');
  delegationOf(call).label = label;
  return ok(true);
}

function delegationOf(call: Call): Delegation {
  const provider = requirePathProvider(call);
  const agent = call.platform.state.agents.get(readKey(call.params['agent'] ?? ''));
  if (!agent || agent.provider !== provider) throw new Refusal('Agent delegation not found');
  return agent;
}
