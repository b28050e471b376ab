import type { Random } from '../../../src/ports/random.ts';

/** The same in every run, and never the same twice in one. */
export function countingRandom(): Random {
  let count = 0;
  const next = (): number => ++count;
  return {
    float: () => ((next() * 7_919) % 10_007) / 10_007,
    bytes(length) {
      const bytes = new Uint8Array(length);
      for (let index = 0; index < length; index++) bytes[index] = (next() * 31) % 256;
      return bytes;
    },
    uuid: () => `00000000-0000-4000-8000-${next().toString(16).padStart(12, '0')}`,
  };
}
