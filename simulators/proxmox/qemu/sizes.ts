const UNITS = ['', 'K', 'M', 'G', 'T'] as const;
const FACTOR: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** `3G`, `2300M`, `4096` (bytes) to bytes. The text was checked before; anything else is 0. */
export function parseSize(text: string): number {
  const [, number = '0', unit = ''] = /^(\d+(?:\.\d+)?)([KMGT]?)$/.exec(text) ?? [];
  return Math.floor(Number(number) * (FACTOR[unit] ?? 1));
}

/** The largest unit that leaves a whole number, as configurations have it: `3G`, `4352M`. */
export function printSize(bytes: number): string {
  let unit = 0;
  let left = bytes;
  while (unit < UNITS.length - 1 && left > 0 && left % 1024 === 0) {
    left /= 1024;
    unit += 1;
  }
  return `${left}${UNITS[unit]}`;
}

/** `2.2 GiB`, as the progress of a copy has it. */
export function spokenSize(bytes: number): string {
  let unit = 0;
  let left = bytes;
  while (unit < UNITS.length - 1 && left >= 1024) {
    left /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${left.toFixed(1)} B` : `${left.toFixed(1)} ${UNITS[unit]}iB`;
}
