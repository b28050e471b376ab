import { type Finding, isProvisionerError } from '../../src/provisioner/index.ts';
import type { Asking } from './client.ts';
import { imagesOf, isOffered, regionsOf, sizesOf } from './placement.ts';
import type { Target } from './target.ts';
import type { Region, Size } from './wire.ts';

/** Whether what the settings name can be ordered today, and what it costs. */
export async function checkCatalogue(target: Target, asking: Asking): Promise<Finding[]> {
  const { settings, catalogue } = target;
  const [sizes, regions] = await Promise.all([catalogue.sizes(asking), catalogue.regions(asking)]);
  const places = regionsOf(settings);
  const named = [
    settings.firewall === undefined
      ? undefined
      : await expected('firewall', `Firewall ${settings.firewall}`, catalogue.firewallTag(settings.firewall, asking)),
    ...(await Promise.all(settings.vpcs.map((id) => expected('vpc', `VPC ${id}`, catalogue.vpcRegion(id, asking))))),
  ];
  return [
    ...regionFindings(places, regions),
    ...sizesOf(settings).map((slug) => sizeFinding(slug, sizes, places)),
    ...(await Promise.all(imagesOf(settings).map((name) => imageFinding(target, name, asking)))),
    ...named,
  ].filter((finding) => finding !== undefined);
}

function regionFindings(places: readonly string[], regions: readonly Region[]): Finding[] {
  const missing = places.filter((slug) => !regions.some((region) => region.slug === slug));
  const closed = places.filter((slug) => regions.some((region) => region.slug === slug && !region.available));
  const open = regions.filter(({ available }) => available).map(({ slug }) => slug);
  const level = missing.length + closed.length === places.length ? 'fail' : 'warn';
  const remedy = `Choose from ${open.join(', ')}.`;
  return [
    ...missing.map((slug): Finding => {
      return { level, code: 'digitalocean.region.unknown', title: `DigitalOcean has no region ${slug}`, remedy };
    }),
    ...closed.map((slug): Finding => {
      return { level, code: 'digitalocean.region.closed', title: `Region ${slug} takes no new droplets`, remedy };
    }),
  ];
}

function sizeFinding(slug: string, sizes: readonly Size[], places: readonly string[]): Finding {
  const size = sizes.find((each) => each.slug === slug);
  if (size === undefined) {
    return {
      level: 'fail',
      code: 'digitalocean.size.unknown',
      title: `DigitalOcean has no size ${slug}`,
      remedy: `Choose from ${sizes
        .map((each) => each.slug)
        .slice(0, 20)
        .join(', ')}.`,
    };
  }
  const there = places.filter((place) => isOffered(size, place));
  if (there.length === 0) {
    return {
      level: 'warn',
      code: 'digitalocean.size.sold-out',
      title: `Size ${slug} cannot be ordered in ${places.join(', ')} now`,
      remedy: 'Add another size or region, or wait.',
    };
  }
  const { vcpus, memory, disk } = size;
  return {
    level: 'pass',
    code: 'digitalocean.size.ok',
    title: `Size ${slug} (${vcpus} cores, ${memory} MB, ${disk} GB disk) can be ordered in ${there.join(', ')}: ${monthly(size)}`,
  };
}

function monthly({ price_monthly }: Size): string {
  return typeof price_monthly === 'number' ? `${price_monthly.toFixed(2)} USD a month` : 'no price is told';
}

async function imageFinding({ catalogue, settings }: Target, name: string, asking: Asking): Promise<Finding> {
  const image = await catalogue.image(name, asking);
  if (image === undefined) {
    return {
      level: 'fail',
      code: 'digitalocean.image.missing',
      title: `There is no image ${name}`,
      remedy: 'Choose one that the control panel or `doctl compute image list` shows.',
    };
  }
  const missing = regionsOf(settings).filter((region) => !image.regions.includes(region));
  if (missing.length === 0) {
    return { level: 'pass', code: 'digitalocean.image.ok', title: `Image ${name} is there` };
  }
  return {
    level: 'warn',
    code: 'digitalocean.image.elsewhere',
    title: `Image ${name} is not in ${missing.join(', ')}`,
    remedy: 'Transfer it there, or take these regions out of the settings.',
  };
}

/** Something that the settings name and that has to be there. */
async function expected(kind: 'firewall' | 'vpc', what: string, found: Promise<string>): Promise<Finding> {
  try {
    await found;
    return { level: 'pass', code: `digitalocean.${kind}.ok`, title: `${what} is there` };
  } catch (error) {
    if (!isProvisionerError(error) || error.kind !== 'config') throw error;
    const remedy = 'Make it in the control panel, or correct the settings.';
    return { level: 'fail', code: `digitalocean.${kind}.missing`, title: error.message, remedy };
  }
}
