import { ok, Refusal } from '../answers.ts';
import { type Call, poolOf, type Route, requirePathProvider } from '../call.ts';
import type { Fields } from '../fields.ts';
import type { AgentResources, Offering, Pool } from '../state.ts';
import { isOnline } from './setup.ts';

/** Offerings that a pool's machines could carry. The numbers of the tiers are this simulator's own. */
export const suggestionRoutes = [
  {
    name: 'offering-suggestions',
    method: 'GET',
    path: '/providers/:pk/pools/:pool/offering-suggestions',
    auth: 'provider',
    handle: suggest,
  },
  {
    name: 'generate-offerings',
    method: 'POST',
    path: '/providers/:pk/pools/:pool/generate-offerings',
    auth: 'provider',
    json: true,
    handle: generate,
  },
] as const satisfies readonly Route[];

const TIERS = [
  { tier: 'small', cpuCores: 1, memoryGb: 2, storageGb: 25 },
  { tier: 'medium', cpuCores: 2, memoryGb: 4, storageGb: 50 },
  { tier: 'large', cpuCores: 4, memoryGb: 8, storageGb: 100 },
];

type Tier = (typeof TIERS)[number];

function suggest(call: Call) {
  requirePathProvider(call);
  const pool = poolOf(call);
  const capacity = capacityOf(call, pool);
  const tiers = TIERS.map((tier) => ({ ...tier, fits: fits(tier, capacity) }));
  return ok({ poolId: pool.id, capacity, tiers });
}

/** Sums what the pool's agents said in their heartbeats, those online only; what is in use plays no part. */
function capacityOf({ platform, now }: Call, pool: Pool) {
  const online: AgentResources[] = [];
  for (const { agent, poolId, revokedAt } of platform.state.agents.values()) {
    const beat = platform.state.beats.get(agent);
    const counts = poolId === pool.id && revokedAt === undefined && isOnline(platform, beat, now);
    if (counts && beat?.resources) online.push(beat.resources);
  }
  const sum = (of: (resources: AgentResources) => number): number =>
    online.reduce((total, resources) => total + of(resources), 0);
  return {
    agents: online.length,
    cpuCores: sum(({ cpuCores }) => cpuCores),
    memoryMb: sum(({ memoryTotalMb }) => memoryTotalMb),
    storageGb: sum(({ storagePools }) => storagePools.reduce((total, { totalGb }) => total + totalGb, 0)),
    gpus: online.flatMap(({ gpuDevices }) => gpuDevices.map(({ name }) => name)),
    templates: [...new Set(online.flatMap(({ templates }) => templates.map(({ name }) => name)))],
  };
}

function fits(tier: Tier, capacity: ReturnType<typeof capacityOf>): boolean {
  return (
    capacity.cpuCores >= tier.cpuCores &&
    capacity.memoryMb >= tier.memoryGb * 1024 &&
    capacity.storageGb >= tier.storageGb
  );
}

function generate(call: Call) {
  const { body, platform } = call;
  const tiers = body.strings('tiers');
  const pricing = readPricing(body.object('pricing'));
  const visibility = body.string('visibility');
  const dryRun = body.boolean('dryRun');
  const provider = requirePathProvider(call);
  const pool = poolOf(call);
  const capacity = capacityOf(call, pool);
  const created: object[] = [];
  const skipped: object[] = [];
  for (const name of tiers) {
    const tier = TIERS.find((known) => known.tier === name);
    if (!tier) throw new Refusal(`Unknown tier '${name}'`);
    const price = pricing.get(name);
    if (!price) skipped.push({ tier: name, reason: 'no price given' });
    else if (hasOffering(call, provider, offeringOf(pool, tier).offering_id)) {
      skipped.push({ tier: name, reason: 'exists already' });
    } else if (!fits(tier, capacity)) skipped.push({ tier: name, reason: 'more than the pool has' });
    else {
      const id = dryRun ? undefined : platform.state.nextId++;
      const row = { ...offeringOf(pool, tier), ...price, visibility, provider };
      if (id !== undefined) platform.state.offerings.set(id, { ...row, id });
      created.push({ tier: name, offeringId: row.offering_id, id });
    }
  }
  return ok({ created, skipped });
}

function hasOffering({ platform }: Call, provider: string, slug: string): boolean {
  return [...platform.state.offerings.values()].some((row) => row.provider === provider && row.offering_id === slug);
}

function readPricing(pricing: Fields): Map<string, { monthly_price: number; currency: string }> {
  const rows = pricing.keys().map((tier) => {
    const price = pricing.object(tier);
    return [tier, { monthly_price: price.number('monthlyPrice'), currency: price.string('currency') }] as const;
  });
  return new Map(rows);
}

/** Pinned to its pool, so the country plays no part. */
function offeringOf(
  pool: Pool,
  tier: Tier,
): Omit<Offering, 'id' | 'provider' | 'monthly_price' | 'currency' | 'visibility'> {
  return {
    offering_id: `${pool.id}-${tier.tier}`,
    offer_name: `${pool.name} ${tier.tier}`,
    setup_fee: 0,
    product_type: 'compute',
    stock_status: 'in_stock',
    is_draft: false,
    datacenter_country: 'DE',
    datacenter_city: pool.location,
    processor_cores: tier.cpuCores,
    memory_amount: `${tier.memoryGb} GB`,
    total_ssd_capacity: `${tier.storageGb} GB`,
    provisioner_type: pool.provisionerType,
    agent_pool_id: pool.id,
  };
}
