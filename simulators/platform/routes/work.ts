import { failure, ns, ok, okBut, Refusal } from '../answers.ts';
import {
  agentOf,
  type Call,
  contractId,
  contractOf,
  type Route,
  requirePathProvider,
  requirePermission,
} from '../call.ts';
import type { Platform } from '../options.ts';
import { regionOf } from '../regions.ts';
import type { Contract, Offering, Pool } from '../state.ts';

export const workRoutes = [
  {
    name: 'pending-provision',
    method: 'GET',
    path: '/providers/:pk/contracts/pending-provision',
    auth: 'agent',
    handle: pendingProvision,
  },
  { name: 'lock', method: 'POST', path: '/providers/:pk/contracts/:cid/lock', auth: 'agent', handle: lock },
  { name: 'unlock', method: 'DELETE', path: '/providers/:pk/contracts/:cid/lock', auth: 'agent', handle: unlock },
] as const satisfies readonly Route[];

function pendingProvision(call: Call) {
  const { platform, now } = call;
  const provider = requirePathProvider(call, 'Unauthorized: agent is not delegated by this provider');
  const { agent, poolId } = agentOf(call);
  const { state, quirks } = platform;
  if (poolId === undefined) throw new Refusal('Agent must belong to a pool. Re-register using a setup token.');
  const pool = state.pools.get(poolId);
  if (!pool) throw new Refusal(`Pool ${poolId} not found`);

  const items: object[] = [];
  // Maps keep their order of insertion, so the oldest comes first.
  for (const contract of state.contracts.values()) {
    if (!isLockable(contract) || contract.provider !== provider) continue;
    const held = state.locks.get(contract.id);
    if (held && held.expiresAt > now && (held.agent !== agent || quirks.ownLockHidesWork)) continue;
    const offering = state.offerings.get(contract.offeringDbId);
    if (!offering || !servedBy(offering, pool)) continue;
    items.push(item(contract, offering, quirks.snakeCaseLists));
  }
  return ok(items);
}

/** Explicit pool first; otherwise the country's region must be the pool's location. The provisioner type plays no part. */
export function servedBy(offering: Offering, pool: Pool): boolean {
  if (offering.agent_pool_id !== undefined) return offering.agent_pool_id === pool.id;
  return regionOf(offering.datacenter_country) === pool.location;
}

function item(contract: Contract, offering: Offering, snakeCase: boolean): object {
  const snake: Record<string, unknown> = {
    contract_id: contract.id,
    offering_id: contract.offeringSlug,
    requester_ssh_pubkey: contract.sshKey,
    instance_config: contract.instanceConfig,
    cpu_cores: offering.processor_cores,
    memory_amount: offering.memory_amount,
    storage_capacity: offering.total_ssd_capacity,
    provisioner_type: offering.provisioner_type,
    provisioner_config: offering.provisioner_config,
    post_provision_script: offering.post_provision_script,
  };
  return snakeCase ? snake : camelCased(snake);
}

export function camelCased(row: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name.replace(/_([a-z])/g, (_, c: string) => c.toUpperCase()), value]),
  );
}

function isLockable(contract: Contract): boolean {
  const { status, paymentStatus } = contract;
  return (status === 'accepted' || status === 'provisioning') && paymentStatus === 'succeeded';
}

function lock(call: Call) {
  const { platform, now } = call;
  requirePathProvider(call, 'Agent is not delegated by this provider');
  requirePermission(call, 'provision');
  const contract = contractOf(call);
  refuseForeign(platform, contract, call.caller.provider);
  const { status, paymentStatus: payment, id } = contract;
  if (!isLockable(contract)) {
    return status === 'accepted' || status === 'provisioning'
      ? failure(`Contract ${id} payment not succeeded (status: ${payment})`)
      : failure(`Contract ${id} is not in lockable status (status: ${status})`);
  }
  const { locks } = platform.state;
  const held = locks.get(id);
  const agent = call.caller.key;
  const expiresAt = now + platform.settings.lockTtlMs;
  if (held && held.agent !== agent && held.expiresAt > now) {
    // The time in this answer means nothing: it is what the lock would have got.
    return okBut({ acquired: false, expiresAtNs: ns(expiresAt) }, 'Contract already locked by another agent');
  }
  locks.set(id, { agent, acquiredAt: now, expiresAt });
  return ok({ acquired: true, expiresAtNs: ns(expiresAt) });
}

function unlock(call: Call) {
  requirePathProvider(call, 'Agent is not delegated by this provider');
  const id = contractId(call);
  const { locks } = call.platform.state;
  if (locks.get(id)?.agent !== call.caller.key) return okBut(false, 'Lock not held by this agent');
  locks.delete(id);
  return ok(true);
}

export function refuseForeign(platform: Platform, contract: Contract, provider: string): void {
  if (contract.provider !== provider && !platform.quirks.foreignContractsOpen) {
    throw new Refusal('Unauthorized: contract belongs to a different provider');
  }
}
