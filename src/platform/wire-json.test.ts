import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cleanText, type WireValue, wholeNumber, wireJson } from './wire-json.ts';

describe('request bodies', () => {
  it('keep the order of keys, leave undefined out and write null', () => {
    expect(wireJson({ b: 1, a: undefined, c: null, d: [true, { e: 'x' }] })).toBe(
      '{"b":1,"c":null,"d":[true,{"e":"x"}]}',
    );
  });

  it('write 64-bit integers digit by digit', () => {
    expect(wireJson({ at: 1_767_225_600_123_456_789n })).toBe('{"at":1767225600123456789}');
  });

  it('hold no NUL and no lone surrogate, but keep emoji', () => {
    expect(wireJson('a\0b\ud800c\u{1f680}')).toBe(JSON.stringify('ab\ufffdc\u{1f680}'));
    expect(cleanText('\0\0')).toBe('');
  });

  it('are JSON for any value, and say the same', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        expect(wireJson(value as WireValue)).toBe(JSON.stringify(value).replaceAll('\\u0000', ''));
      }),
    );
  });
});

describe('whole numbers', () => {
  it.each([
    [1.9, 1],
    [-1, 0],
    [Number.NaN, 0],
    [1e21, Number.MAX_SAFE_INTEGER],
    [Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER],
  ])('%s is sent as %s', (value, sent) => {
    expect(wholeNumber(value)).toBe(sent);
    expect(JSON.stringify(wholeNumber(value))).toMatch(/^\d+$/);
  });

  it('stay within a 32-bit field', () => {
    expect(wholeNumber(1e12, 2 ** 32 - 1)).toBe(4_294_967_295);
  });
});
