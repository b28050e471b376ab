import fc from 'fast-check';
import { expect, test } from 'vitest';
import { closest, editDistance } from './suggest.ts';

const keys = ['interval_seconds', 'work_interval_seconds', 'state_dir', 'type', 'name'];

test.each([
  ['interval_second', 'interval_seconds'],
  ['intervalSeconds', 'interval_seconds'],
  ['interval-seconds', 'interval_seconds'],
  ['INTERVAL_SECONDS', 'interval_seconds'],
  ['interval', 'interval_seconds'],
  ['intervall', 'interval_seconds'],
  ['statedir', 'state_dir'],
  ['tpye', 'type'],
  ['nmae', 'name'],
])('%s was meant to be %s', (word, meant) => {
  expect(closest(word, keys)).toBe(meant);
});

test.each(['', 'x', 'password', 'seconds', 'x'.repeat(65)])('%j is nothing of ours', (word) => {
  expect(closest(word, keys)).toBeUndefined();
});

test('the distance is a measure: nothing to itself, the same both ways, no longer than the longer word', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 });
  fc.assert(
    fc.property(word, word, (a, b) => {
      const distance = editDistance(a, b);
      expect(distance === 0).toBe(a === b);
      expect(editDistance(b, a)).toBe(distance);
      expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
      expect(distance).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
    }),
  );
});

test('one slip counts one: a letter too many, too few, another one, or two swapped', () => {
  for (const slip of ['typee', 'tye', 'tipe', 'tyep']) expect(editDistance(slip, 'type')).toBe(1);
});
