import { ns, ok, Refusal } from '../answers.ts';
import { agentOf, type Call, contractOf, type Route, requirePathProvider, requirePermission } from '../call.ts';
import type { Contract, HealthRow } from '../state.ts';
import { requireParty } from './contract-views.ts';

export const healthRoutes = [
  { name: 'health', method: 'POST', path: '/contracts/:cid/health', auth: 'agent', json: true, handle: report },
  {
    name: 'old-health',
    method: 'POST',
    path: '/provider/contracts/:cid/health',
    auth: 'agent',
    json: true,
    handle: report,
  },
  { name: 'contract-health', method: 'GET', path: '/contracts/:cid/health', auth: 'provider', handle: list },
  { name: 'health-summary', method: 'GET', path: '/contracts/:cid/health-summary', auth: 'provider', handle: summary },
  {
    name: 'provider-contract-health',
    method: 'GET',
    path: '/providers/:pk/contracts/:cid/health',
    auth: 'provider',
    handle: summary,
  },
  {
    name: 'provider-contract-checks',
    method: 'GET',
    path: '/providers/:pk/contracts/:cid/health-checks',
    auth: 'provider',
    handle: list,
  },
  {
    name: 'provider-health-summary',
    method: 'GET',
    path: '/providers/:pk/health-summary',
    auth: 'provider',
    handle: providerSummary,
  },
] as const satisfies readonly Route[];

function report(call: Call) {
  const { platform, body, now } = call;
  const read = {
    checkedAtNs: body.integer('checkedAt'),
    status: body.string('status'),
    latencyMs: body.optionalInteger('latencyMs', -(2 ** 31), 2 ** 31 - 1),
    details: body.optionalString('details'),
  };
  requirePermission(call, 'health_check');
  const contract = contractOf(call);
  const { provider } = agentOf(call);
  if (contract.provider !== provider) {
    throw new Refusal(
      `Unauthorized: agent's provider (${provider}) does not match contract provider (${contract.provider})`,
    );
  }
  const { status } = read;
  if (status !== 'healthy' && status !== 'unhealthy' && status !== 'unknown') {
    throw new Refusal(`Invalid health status '${status}'. Must be one of: healthy, unhealthy, unknown`);
  }
  const row: HealthRow = { ...read, status, id: platform.state.nextId++, contract: contract.id, createdAt: now };
  const rows = platform.state.health.get(contract.id);
  if (rows) rows.push(row);
  else platform.state.health.set(contract.id, [row]);
  return ok(view(row));
}

function view(row: HealthRow): object {
  return {
    id: row.id,
    contractId: row.contract,
    checkedAt: row.checkedAtNs,
    status: row.status,
    latencyMs: row.latencyMs,
    details: row.details,
    createdAt: ns(row.createdAt),
  };
}

function list(call: Call) {
  if (call.params['pk'] !== undefined) requirePathProvider(call);
  const contract = requireParty(call);
  return ok((call.platform.state.health.get(contract.id) ?? []).map(view).reverse());
}

function summary(call: Call) {
  if (call.params['pk'] !== undefined) requirePathProvider(call);
  const contract = requireParty(call);
  return ok({ contractId: contract.id, ...uptime(call, [contract], 30) });
}

function providerSummary(call: Call) {
  const provider = requirePathProvider(call);
  const days = Number(new URLSearchParams(call.query).get('days') ?? 30);
  const own = [...call.platform.state.contracts.values()].filter((contract) => contract.provider === provider);
  return ok({ providerPubkey: provider, ...uptime(call, own, Number.isInteger(days) && days > 0 ? days : 30) });
}

/** Healthy rows against all rows, by the time the agent claims to have looked: "unknown" counts as down. */
function uptime({ platform, now }: Call, contracts: readonly Contract[], days: number): object {
  const since = (now - days * 86_400_000) * 1_000_000;
  const counts = { healthy: 0, unhealthy: 0, unknown: 0 };
  let last = 0;
  for (const { id } of contracts) {
    for (const row of platform.state.health.get(id) ?? []) {
      if (row.checkedAtNs < since) continue;
      counts[row.status]++;
      last = Math.max(last, row.checkedAtNs);
    }
  }
  const total = counts.healthy + counts.unhealthy + counts.unknown;
  return {
    totalChecks: total,
    healthyChecks: counts.healthy,
    unhealthyChecks: counts.unhealthy,
    unknownChecks: counts.unknown,
    uptimePercent: total === 0 ? 0 : (counts.healthy / total) * 100,
    lastCheckedAt: last === 0 ? undefined : last,
  };
}
