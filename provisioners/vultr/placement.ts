import { type MachineOrder, ProvisionerError } from '../../src/provisioner/index.ts';
import type { VultrSettings } from './schema.ts';
import type { Plan } from './wire.ts';

/** One thing to ask the API for. */
export interface Placement {
  readonly plan: string;
  readonly region: string;
  /** What the order names, as `plan_region`, where this is something else. */
  readonly insteadOf?: string;
}

type Lists = Pick<VultrSettings, 'plans' | 'regions' | 'orders_may_name' | 'substitute' | 'image' | 'images' | 'ipv4'>;

/** What is known of the market at this moment. */
export interface Market {
  readonly plans: readonly Plan[];
  isAvailable(plan: string, region: string): boolean;
  /** What the image needs, in GB; 0 when nobody says. */
  readonly imageGb: number;
}

/** The image that an order asks for, if this target may use it. An order's settings are the tenant's word. */
export function orderedImage({ settings }: Pick<MachineOrder, 'settings'>, lists: Lists): string {
  const allowed = lists.orders_may_name.includes('image') ? [lists.image, ...lists.images] : [lists.image];
  return named(settings['image'], allowed, 'image') ?? lists.image;
}

/**
 * Everything that would do for an order, best first: the named plan and region, then what may take their place, in the order of
 * the lists. Plans that are smaller than ordered, gone from the catalogue, or not to be had in a region are left out. Pure.
 *
 * Throws `permanent` when the order can never be met with these settings.
 */
export function placements(
  order: Pick<MachineOrder, 'settings' | 'cpuCores' | 'memoryMb' | 'storageGb'>,
  lists: Lists,
  market: Market,
): readonly Placement[] {
  const { orders_may_name, substitute } = lists;
  const plan = named(order.settings['plan'], orders_may_name.includes('plan') ? lists.plans : [], 'plan');
  const region = named(order.settings['region'], orders_may_name.includes('region') ? lists.regions : [], 'region');
  const byId = new Map(market.plans.map((each) => [each.id, each]));
  const floor = plan === undefined ? undefined : byId.get(plan);
  // What is larger than a plan that is gone cannot be told.
  const mayReplacePlan = floor !== undefined && (substitute === 'plan' || substitute === 'both');
  const ids = plan === undefined ? lists.plans : first(plan, lists.plans, mayReplacePlan);
  const fitting = ids.flatMap((id) => {
    const candidate = byId.get(id);
    if (candidate === undefined || !isEnough(candidate, order, market.imageGb) || !hasAddress(candidate, lists))
      return [];
    return floor === undefined || isAsLarge(candidate, floor) ? [candidate] : [];
  });
  if (fitting.length === 0) throw unmet(ids.some((id) => byId.has(id)));
  const mayReplaceRegion = substitute === 'region' || substitute === 'both';
  const places = region === undefined ? lists.regions : first(region, lists.regions, mayReplaceRegion);
  // A plan in another region is still what was ordered; another plan is less so.
  return fitting.flatMap((candidate) =>
    places
      .filter((place) => isOffered(candidate, place, market))
      .map((place) => {
        const other = (plan !== undefined && candidate.id !== plan) || (region !== undefined && place !== region);
        const insteadOf = `${plan ?? candidate.id}_${region ?? place}`;
        return { plan: candidate.id, region: place, ...(other ? { insteadOf } : {}) };
      }),
  );
}

/** Whether a plan exists in a region and is to be had there now, as far as the API knows. */
export function isOffered({ id, locations }: Plan, place: string, market: Pick<Market, 'isAvailable'>): boolean {
  return locations.includes(place) && market.isAvailable(id, place);
}

/** The plans whose id ends so have no IPv4 address to give. */
export function hasAddress({ id }: Pick<Plan, 'id'>, { ipv4 }: Pick<Lists, 'ipv4'>): boolean {
  return ipv4 === 'none' || !id.endsWith('-v6');
}

function first(id: string, list: readonly string[], others: boolean): readonly string[] {
  return others ? [id, ...list.filter((each) => each !== id)] : [id];
}

function isEnough({ vcpu_count, ram, disk }: Plan, order: Parameters<typeof placements>[0], imageGb: number): boolean {
  const { cpuCores = 0, memoryMb = 0, storageGb = 0 } = order;
  return vcpu_count >= cpuCores && ram >= memoryMb && disk >= Math.max(storageGb, imageGb);
}

function isAsLarge(candidate: Plan, floor: Plan): boolean {
  return candidate.vcpu_count >= floor.vcpu_count && candidate.ram >= floor.ram && candidate.disk >= floor.disk;
}

/** Only a value of the provider's own list is taken: a tenant may have written it. Undefined when the order names none. */
function named(value: unknown, list: readonly string[], what: string): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string' && list.includes(value)) return value;
  throw new ProvisionerError(
    'permanent',
    `The order names a ${what} that it may not have: see orders_may_name and the target's lists`,
    { publicText: `The ${what} of this offering is not available here.` },
  );
}

function unmet(existing: boolean): ProvisionerError {
  return existing
    ? new ProvisionerError(
        'permanent',
        'None of plans is as large as the order and its image, with the address it needs',
        {
          publicText: 'This machine is larger than any that can be made here.',
        },
      )
    : new ProvisionerError('config', 'None of plans is in the catalogue any more: choose others');
}
