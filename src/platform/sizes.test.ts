import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseGibibytes, parseMebibytes } from './sizes.ts';

describe('size texts', () => {
  it.each([
    ['16 GB', 16_384, 16],
    ['16GB', 16_384, 16],
    [' 16 gib ', 16_384, 16],
    ['512 MB', 512, undefined],
    ['512MiB', 512, undefined],
    ['1.5 TB', 1_572_864, 1536],
    ['2 TiB', 2_097_152, 2048],
    ['1.9999 MB', 1, undefined],
  ])('%j is %s MiB and %s GiB', (text, mib, gib) => {
    expect(parseMebibytes(text)).toBe(mib);
    expect(parseGibibytes(text)).toBe(gib);
  });

  it.each([
    '',
    '16',
    'GB',
    '0 GB',
    '-1 GB',
    '1,5 GB',
    '16 KB',
    '16 GBs',
    '1e3 GB',
    '16 G',
    '0.4 MB',
    '9999999999999999 TB',
  ])('%j is not a size', (text) => {
    expect(parseMebibytes(text)).toBeUndefined();
    expect(parseGibibytes(text)).toBeUndefined();
  });

  it('give a positive whole number or nothing, whatever the text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^\d{1,13}(\.\d{1,7})? ?[mgtMGT][iI]?[bB]$/)), (text) => {
        for (const size of [parseMebibytes(text), parseGibibytes(text)]) {
          expect(size === undefined || (Number.isSafeInteger(size) && size > 0)).toBe(true);
        }
      }),
    );
  });
});
