/** Amounts are decimal texts of up to ten fraction digits; they are compared and cut as texts, because a float would round them. */

const SCALE = 10;

/** -1, 0 or 1. */
export function compareAmounts(a: string, b: string): number {
  const [x, y] = [toUnits(a), toUnits(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

export function addAmounts(...amounts: readonly string[]): string {
  return fromUnits(amounts.reduce((sum, amount) => sum + toUnits(amount), 0n));
}

/** With two fraction digits, rounded up: nobody is told less than what will be on the bill. */
export function showAmount(amount: string, currency: string): string {
  const cent = 10n ** BigInt(SCALE - 2);
  const cents = (toUnits(amount) + cent - 1n) / cent;
  return `${cents / 100n}.${String(cents % 100n).padStart(2, '0')} ${currency}`;
}

function toUnits(amount: string): bigint {
  const [whole = '0', fraction = ''] = amount.split('.');
  const sign = whole.startsWith('-') ? -1n : 1n;
  const digits = fraction.slice(0, SCALE).padEnd(SCALE, '0');
  return sign * (BigInt(whole.replace('-', '')) * 10n ** BigInt(SCALE) + BigInt(digits));
}

function fromUnits(units: bigint): string {
  const one = 10n ** BigInt(SCALE);
  return `${units / one}.${String(units % one).padStart(SCALE, '0')}`;
}
