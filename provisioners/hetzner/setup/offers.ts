import { addAmounts, compareAmounts, showAmount } from '../money.ts';
import { isOffered } from '../placement.ts';
import type { Pricing, ServerType } from '../wire.ts';
import type { Survey } from './survey.ts';

/** One type in one location, with its price. */
export interface Offer {
  readonly type: string;
  readonly location: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly diskGb: number;
  readonly architecture: string;
  /** `shared` or `dedicated`, where Hetzner tells. */
  readonly cpu: string | undefined;
  /** Net a month, the address included where one is wanted. Decimal text. */
  readonly monthly: string;
  readonly hourly: string;
  /** As shown: `4.09 EUR`. */
  readonly shown: string;
  /** When the type can no longer be ordered here; ISO 8601. */
  readonly endsAt?: string;
}

/**
 * What can be ordered in a location at this moment, the cheapest first; of equal price the larger one. Prices come from the live
 * catalogue, and never from here. Pure.
 */
export function offersIn(survey: Survey, location: string, ipv4: 'own' | 'none', now: number): readonly Offer[] {
  const address = ipv4 === 'own' ? addressPrice(survey.pricing, location) : '0';
  return survey.types
    .filter((type) => isOffered(type, location, now))
    .flatMap((type) => offer(type, location, address, survey.pricing.currency) ?? [])
    .toSorted((a, b) => compareAmounts(a.monthly, b.monthly) || b.memoryGb - a.memoryGb);
}

/** What a trial costs at most: every hour that has begun is billed, and deleting within the first costs one. */
export function trialCost({ hourly }: Offer, currency: string): string {
  return showAmount(hourly, currency);
}

function offer(type: ServerType, location: string, address: string, currency: string): Offer | undefined {
  const price = type.prices.find((each) => each.location === location);
  // Without a price it may be in the catalogue, and nobody can say what it costs.
  if (price === undefined) return undefined;
  const monthly = addAmounts(price.price_monthly.net, address);
  const endsAt = type.locations?.find(({ name }) => name === location)?.deprecation?.unavailable_after;
  return {
    type: type.name,
    location,
    cores: type.cores,
    memoryGb: type.memory,
    diskGb: type.disk,
    architecture: type.architecture,
    cpu: type.cpu_type ?? undefined,
    monthly,
    hourly: price.price_hourly.net,
    shown: showAmount(monthly, currency),
    ...(endsAt === undefined ? {} : { endsAt }),
  };
}

/** Of one IPv4 address, net a month. Decimal text. */
export function addressPrice({ primary_ips }: Pricing, location: string): string {
  const prices = primary_ips?.find(({ type }) => type === 'ipv4')?.prices;
  return prices?.find((each) => each.location === location)?.price_monthly.net ?? '0';
}
