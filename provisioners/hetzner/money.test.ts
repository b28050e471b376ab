import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addAmounts, compareAmounts, showAmount } from './money.ts';

test('amounts are compared as numbers, not as texts', () => {
  expect(['10.0', '9.5', '0.0063000000', '9.50'].toSorted(compareAmounts)).toEqual([
    '0.0063000000',
    '9.5',
    '9.50',
    '10.0',
  ]);
  expect(compareAmounts('9.5', '9.5000000000')).toBe(0);
});

test('amounts are added without losing a digit', () => {
  expect(addAmounts('0.1', '0.2')).toBe('0.3000000000');
  fc.assert(
    fc.property(fc.nat(10 ** 9), fc.nat(10 ** 9), (a, b) => {
      const text = (cents: number): string => (cents / 100).toFixed(2);
      expect(compareAmounts(addAmounts(text(a), text(b)), text(a + b))).toBe(0);
    }),
  );
});

test('amounts are shown with two digits, rounded up', () => {
  expect(showAmount('2.9900000000', 'EUR')).toBe('2.99 EUR');
  expect(showAmount('2.9900000001', 'EUR')).toBe('3.00 EUR');
  expect(showAmount('0.0063', 'EUR')).toBe('0.01 EUR');
  expect(showAmount('12', 'EUR')).toBe('12.00 EUR');
});
