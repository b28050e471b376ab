import type { ServerType } from './state.ts';

interface Money {
  readonly net: string;
  readonly gross: string;
}

export const VAT_PERCENT = 19;
const TIB = 2 ** 40;

/** Hourly and monthly price of a type at a location; overseas costs a tenth more. Invented, in the real form. */
export function price(type: ServerType, location: string): { price_hourly: Money; price_monthly: Money } {
  const microMonthly = type.cents * 10_000 * (isOverseas(location) ? 1.1 : 1);
  return { price_hourly: money(microMonthly / 672), price_monthly: money(microMonthly) };
}

/** Included traffic, in bytes, belongs to type and location. */
export function trafficPrice(
  type: ServerType,
  location: string,
): { included_traffic: number; price_per_tb_traffic: Money } {
  const tib = isOverseas(location) ? (type.cores > 8 ? 4 : 1) : 20;
  return { included_traffic: tib * TIB, price_per_tb_traffic: money(location === 'sin' ? 7_400_000 : 1_000_000) };
}

/** Decimal text with ten digits after the point, as the API gives them: no float survives reading it carelessly. */
export function money(micro: number): Money {
  return { net: decimal(micro), gross: decimal(micro * (1 + VAT_PERCENT / 100)) };
}

function decimal(micro: number): string {
  return (micro / 1e6).toFixed(10);
}

function isOverseas(location: string): boolean {
  return ['ash', 'hil', 'sin'].includes(location);
}
