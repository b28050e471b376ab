import { type MachineOrder, ProvisionerError } from '../../src/provisioner/index.ts';
import type { HetznerSettings } from './schema.ts';
import type { Image, ServerType } from './wire.ts';

/** One thing to ask the API for. */
export interface Placement {
  readonly type: string;
  readonly location: string;
  readonly imageId: number;
  /** What the order names, as `type.location`, where this is something else. */
  readonly insteadOf?: string;
}

type Lists = Pick<
  HetznerSettings,
  'server_types' | 'locations' | 'orders_may_name' | 'substitute' | 'image' | 'images'
>;

/** The image that an order asks for, if this target may use it. An order's settings are the tenant's word. */
export function orderedImage({ settings }: Pick<MachineOrder, 'settings'>, lists: Lists): string {
  const allowed = mayName(lists, 'image') ? [lists.image, ...lists.images] : [lists.image];
  return named(settings['image'], allowed, 'image') ?? lists.image;
}

/**
 * Everything that would do for an order, best first: the named type and location, then what may take their place, in the order
 * of the lists. Types that are smaller than ordered, gone from the catalogue, or not made in a location are left out. Pure.
 *
 * Throws `permanent` when the order can never be met with these settings.
 */
export function placements(
  order: Pick<MachineOrder, 'settings' | 'cpuCores' | 'memoryMb' | 'storageGb'>,
  lists: Lists,
  catalogue: { readonly types: readonly ServerType[]; readonly images: readonly Image[]; readonly now: number },
): readonly Placement[] {
  const type = named(order.settings['server_type'], mayName(lists, 'type') ? lists.server_types : [], 'server type');
  const location = named(order.settings['location'], mayName(lists, 'location') ? lists.locations : [], 'location');
  const byName = new Map(catalogue.types.map((each) => [each.name, each]));
  const floor = type === undefined ? undefined : byName.get(type);
  // What is larger than a type that is gone cannot be told.
  const replaceable = floor !== undefined && mayReplace(lists, 'type');
  const names = type === undefined ? lists.server_types : first(type, lists.server_types, replaceable);
  const fitting = names.filter((name) => {
    const candidate = byName.get(name);
    return (
      candidate !== undefined && isEnough(candidate, order) && (floor === undefined || isAsLarge(candidate, floor))
    );
  });
  if (fitting.length === 0) throw unmet(names.some((name) => byName.has(name)));
  const places =
    location === undefined ? lists.locations : first(location, lists.locations, mayReplace(lists, 'location'));
  // A type in another location is still what was ordered; another type is less so.
  return fitting.flatMap((name) => {
    const candidate = byName.get(name);
    const imageId = catalogue.images.find(
      (image) => image.architecture === candidate?.architecture && image.disk_size <= candidate.disk,
    )?.id;
    if (candidate === undefined || imageId === undefined) return [];
    return places
      .filter((place) => isOffered(candidate, place, catalogue.now))
      .map((place) => {
        const other = (type !== undefined && name !== type) || (location !== undefined && place !== location);
        const insteadOf = `${type ?? name}.${location ?? place}`;
        return { type: name, location: place, imageId, ...(other ? { insteadOf } : {}) };
      });
  });
}

/** Whether a type can be ordered in a location now. A price there does not prove stock; the word `available` is the API's best. */
export function isOffered({ locations, prices }: ServerType, place: string, now: number): boolean {
  if (locations === undefined || locations === null) return prices.some(({ location }) => location === place);
  const found = locations.find(({ name }) => name === place);
  if (found === undefined || found.available === false) return false;
  const until = Date.parse(found.deprecation?.unavailable_after ?? '');
  return Number.isNaN(until) || until > now;
}

function mayName({ orders_may_name }: Lists, what: Lists['orders_may_name'][number]): boolean {
  return orders_may_name.includes(what);
}

function mayReplace({ substitute }: Lists, what: 'type' | 'location'): boolean {
  return substitute === what || substitute === 'both';
}

function first(name: string, list: readonly string[], others: boolean): readonly string[] {
  return others ? [name, ...list.filter((each) => each !== name)] : [name];
}

function isEnough({ cores, memory, disk }: ServerType, order: Parameters<typeof placements>[0]): boolean {
  const { cpuCores = 0, memoryMb = 0, storageGb = 0 } = order;
  return cores >= cpuCores && memory * 1024 >= memoryMb && disk >= storageGb;
}

function isAsLarge(candidate: ServerType, floor: ServerType): boolean {
  return (
    candidate.architecture === floor.architecture &&
    candidate.cores >= floor.cores &&
    candidate.memory >= floor.memory &&
    candidate.disk >= floor.disk
  );
}

/** Only a value of the provider's own list is taken: a tenant may have written it. Undefined when the order names none. */
function named(value: unknown, list: readonly string[], what: string): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string' && list.includes(value)) return value;
  throw new ProvisionerError(
    'permanent',
    `The order names a ${what} that it may not have: see orders_may_name and the target's lists`,
    {
      publicText: `The ${what} of this offering is not available here.`,
    },
  );
}

function unmet(existing: boolean): ProvisionerError {
  return existing
    ? new ProvisionerError('permanent', 'None of server_types is as large as the order', {
        publicText: 'This machine is larger than any that can be made here.',
      })
    : new ProvisionerError('config', 'None of server_types is in the catalogue any more: choose others');
}
