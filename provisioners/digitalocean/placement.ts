import { type MachineOrder, ProvisionerError } from '../../src/provisioner/index.ts';
import type { DigitalOceanSettings } from './schema.ts';
import type { Image, Region, Size } from './wire.ts';

/** One thing to ask the API for. */
export interface Placement {
  readonly size: string;
  readonly region: string;
  /** What the order names, where this is something else. */
  readonly insteadOf?: { readonly size: string; readonly region: string };
}

type Lists = Pick<
  DigitalOceanSettings,
  | 'default_size'
  | 'default_region'
  | 'default_image'
  | 'sizes'
  | 'regions'
  | 'images'
  | 'orders_may_name'
  | 'substitute'
>;

type Wanted = Pick<MachineOrder, 'settings' | 'cpuCores' | 'memoryMb' | 'storageGb'>;

/** Everything that the settings allow, the preferred first. */
export const sizesOf = ({ default_size, sizes }: Lists): readonly string[] => [...new Set([default_size, ...sizes])];
export const regionsOf = ({ default_region, regions }: Lists): readonly string[] => [
  ...new Set([default_region, ...regions]),
];
export const imagesOf = ({ default_image, images }: Lists): readonly string[] => [
  ...new Set([default_image, ...images]),
];

/** The image that an order asks for, if this target may use it. An order's settings are the tenant's word. */
export function orderedImage({ settings }: Pick<MachineOrder, 'settings'>, lists: Lists): string {
  return named(settings, 'image', imagesOf(lists), lists) ?? lists.default_image;
}

/**
 * Everything that would do for an order, best first: the named size and region, then what may take their place, in the order of the
 * lists. Sizes that are smaller than ordered, gone from the catalogue, or not made in a region are left out. Pure.
 *
 * Throws `permanent` when the order can never be met with these settings.
 */
export function placements(
  order: Wanted,
  lists: Lists,
  catalogue: { readonly sizes: readonly Size[]; readonly regions: readonly Region[]; readonly image: Image },
): readonly Placement[] {
  const size = named(order.settings, 'size', sizesOf(lists), lists);
  const region = named(order.settings, 'region', regionsOf(lists), lists);
  const bySlug = new Map(catalogue.sizes.map((each) => [each.slug, each]));
  const floor = size === undefined ? undefined : bySlug.get(size);
  // What is larger than a size that is gone cannot be told.
  const slugs =
    size === undefined ? sizesOf(lists) : first(size, sizesOf(lists), floor !== undefined && mayReplace(lists, 'size'));
  const fitting = slugs.flatMap((slug) => {
    const candidate = bySlug.get(slug);
    if (candidate === undefined || !isEnough(candidate, order)) return [];
    return floor === undefined || isAsLarge(candidate, floor) ? [candidate] : [];
  });
  if (fitting.length === 0) throw unmet(slugs.some((slug) => bySlug.has(slug)));
  const places = region === undefined ? regionsOf(lists) : first(region, regionsOf(lists), mayReplace(lists, 'region'));
  const open = new Set(catalogue.regions.filter(({ available }) => available).map(({ slug }) => slug));
  const { image } = catalogue;
  // A size in another region is still what was ordered; another size is less so.
  return fitting
    .filter(({ disk }) => disk >= (image.min_disk_size ?? 0))
    .flatMap((candidate) =>
      places
        .filter((place) => open.has(place) && image.regions.includes(place) && isOffered(candidate, place))
        .map((place) => {
          const other = (size !== undefined && candidate.slug !== size) || (region !== undefined && place !== region);
          const insteadOf = { size: size ?? candidate.slug, region: region ?? place };
          return { size: candidate.slug, region: place, ...(other ? { insteadOf } : {}) };
        }),
    );
}

/** Whether a size is on sale in a region, as far as the catalogue tells; an order may be refused all the same. */
export function isOffered({ available, regions }: Size, place: string): boolean {
  return available && regions.includes(place);
}

function mayReplace({ substitute }: Lists, what: 'size' | 'region'): boolean {
  return substitute === what || substitute === 'both';
}

function first(slug: string, list: readonly string[], others: boolean): readonly string[] {
  return others ? [slug, ...list.filter((each) => each !== slug)] : [slug];
}

function isEnough({ vcpus, memory, disk }: Size, { cpuCores = 0, memoryMb = 0, storageGb = 0 }: Wanted): boolean {
  return vcpus >= cpuCores && memory >= memoryMb && disk >= storageGb;
}

function isAsLarge(candidate: Size, floor: Size): boolean {
  return candidate.vcpus >= floor.vcpus && candidate.memory >= floor.memory && candidate.disk >= floor.disk;
}

/**
 * Only a value of the provider's own list is taken, since a tenant may have written it; where orders may name nothing, only the
 * default. Undefined when the order names none.
 */
function named(
  settings: MachineOrder['settings'],
  what: 'size' | 'region' | 'image',
  list: readonly string[],
  { orders_may_name }: Lists,
): string | undefined {
  const value = settings[what];
  if (value === undefined || value === null || value === '') return undefined;
  const allowed = orders_may_name.includes(what) ? list : list.slice(0, 1);
  // Numbers of images of one's own come as numbers too.
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text === 'string' && allowed.includes(text)) return text;
  throw new ProvisionerError(
    'permanent',
    `The order names a ${what} that it may not have: see orders_may_name and the target's lists`,
    { publicText: `The ${what} of this offering is not available here.` },
  );
}

function unmet(existing: boolean): ProvisionerError {
  return existing
    ? new ProvisionerError('permanent', 'None of default_size and sizes is as large as the order', {
        publicText: 'This machine is larger than any that can be made here.',
      })
    : new ProvisionerError('config', 'None of default_size and sizes is in the catalogue any more: choose others');
}
