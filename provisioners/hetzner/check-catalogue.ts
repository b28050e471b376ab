import { type Finding, isProvisionerError } from '../../src/provisioner/index.ts';
import type { Asking } from './client.ts';
import { showAmount } from './money.ts';
import { isOffered } from './placement.ts';
import type { Target } from './target.ts';
import { type Image, type Pricing, pricing as pricingSchema, type ServerType } from './wire.ts';

/** How soon the end of a type is worth a warning. */
const SOON_MS = 60 * 86_400_000;

/** Whether what the settings name can be ordered today, and what it costs. */
export async function checkCatalogue(target: Target, asking: Asking): Promise<Finding[]> {
  const { settings, catalogue, clock } = target;
  const [types, prices] = await Promise.all([catalogue.serverTypes(asking), readPricing(target, asking)]);
  const known = settings.server_types.map((name) => types.find((type) => type.name === name) ?? name);
  const images = [settings.image, ...settings.images];
  const found = await Promise.all(images.map((name) => catalogue.images(name, asking)));
  return [
    ...known.map((type) => typeFinding(type, settings.locations, clock.now(), prices.currency)),
    ...images.flatMap((name, index) => imageFindings(name, found[index] ?? [], known)),
    await firewallFinding(target, asking),
    suspension(settings.suspend, prices),
  ].filter((finding) => finding !== undefined);
}

async function readPricing({ client }: Target, { lane, signal }: Asking): Promise<Pricing> {
  const doing = 'tell its prices';
  return (await client.get({ doing, path: '/pricing', lane, signal, answer: pricingSchema })).pricing;
}

function typeFinding(type: ServerType | string, places: readonly string[], now: number, currency: string): Finding {
  if (typeof type === 'string') {
    return {
      level: 'fail',
      code: 'hetzner.type.unknown',
      title: `Hetzner has no server type ${type} any more`,
      remedy: 'Choose another one: `setup hetzner` shows what there is.',
    };
  }
  const there = places.filter((place) => isOffered(type, place, now));
  if (there.length === 0) {
    return {
      level: 'warn',
      code: 'hetzner.type.sold-out',
      title: `Server type ${type.name} cannot be ordered in ${places.join(', ')} now`,
      remedy: 'Add another type or location, or wait.',
    };
  }
  const ends = there.map((place) => endOf(type, place)).filter((end) => end !== undefined && end - now < SOON_MS);
  if (ends.length > 0) {
    return {
      level: 'warn',
      code: 'hetzner.type.ending',
      title: `Server type ${type.name} can soon not be ordered any more in some of ${there.join(', ')}`,
      remedy: 'Put its successor into server_types before it.',
    };
  }
  const costs = there.map((place) => `${place} ${monthly(type, place, currency)}`);
  return {
    level: 'pass',
    code: 'hetzner.type.ok',
    title: `Server type ${type.name} (${type.cores} cores, ${type.memory} GB, ${type.disk} GB disk) can be ordered: ${costs.join(', ')} net a month`,
  };
}

function endOf({ locations }: ServerType, place: string): number | undefined {
  const until = locations?.find(({ name }) => name === place)?.deprecation?.unavailable_after;
  return until === undefined ? undefined : Date.parse(until);
}

function monthly({ prices }: ServerType, place: string, currency: string): string {
  const price = prices.find(({ location }) => location === place);
  return price === undefined ? '(no price)' : showAmount(price.price_monthly.net, currency);
}

function imageFindings(name: string, found: readonly Image[], types: readonly (ServerType | string)[]): Finding[] {
  const wanted = new Set(types.flatMap((type) => (typeof type === 'string' ? [] : [type.architecture])));
  const missing = [...wanted].filter((architecture) => !found.some((image) => image.architecture === architecture));
  if (missing.length > 0) {
    return [
      {
        level: found.length === 0 ? 'fail' : 'warn',
        code: 'hetzner.image.missing',
        title: `There is no image ${name} for ${missing.join(' and ')}`,
        remedy: 'Choose one that the Hetzner console shows; a snapshot of yours needs the label dc-agent/template.',
      },
    ];
  }
  if (found.some(({ deprecated }) => typeof deprecated === 'string')) {
    return [
      {
        level: 'warn',
        code: 'hetzner.image.deprecated',
        title: `Image ${name} is deprecated and will go within months`,
        remedy: 'Choose its successor.',
      },
    ];
  }
  return [{ level: 'pass', code: 'hetzner.image.ok', title: `Image ${name} is there` }];
}

async function firewallFinding({ settings, catalogue }: Target, asking: Asking): Promise<Finding | undefined> {
  const { firewall } = settings;
  if (firewall === undefined) return undefined;
  try {
    await catalogue.firewallId(firewall, asking);
    return { level: 'pass', code: 'hetzner.firewall.ok', title: `Firewall ${firewall} is there` };
  } catch (error) {
    if (!isProvisionerError(error) || error.kind !== 'config') throw error;
    return { level: 'fail', code: 'hetzner.firewall.missing', title: error.message, remedy: 'Make it in the project.' };
  }
}

/** What a paused contract costs is nobody's guess. */
function suspension(mode: 'poweroff' | 'snapshot', { image, currency }: Pricing): Finding {
  if (mode === 'poweroff') {
    return {
      level: 'pass',
      code: 'hetzner.suspend.poweroff',
      title: 'A paused machine is switched off and still costs its full price, until its contract ends',
    };
  }
  const price = image ? showAmount(image.price_per_gb_month.net, currency) : 'an unknown price';
  return {
    level: 'pass',
    code: 'hetzner.suspend.snapshot',
    title: `A paused machine becomes a snapshot, at ${price} net for each GB and month, and keeps its addresses at their price`,
  };
}
