import { expect, test } from 'vitest';
import { createShares } from './share.ts';

test('one value for the same key texts, closed by the last who gives it back, and never twice', async () => {
  const shares = createShares<object>();
  let closed = 0;
  const open = async () => ({ value: {}, close: async () => void closed++ });
  const [a, b, other] = await Promise.all([
    shares.get(['endpoint', 'secret'], open),
    shares.get(['endpoint', 'secret'], open),
    shares.get(['endpoints', 'ecret'], open),
  ]);
  expect(a.value).toBe(b.value);
  expect(other.value).not.toBe(a.value);
  await a.release();
  await a.release();
  expect(closed).toBe(0);
  await b.release();
  expect(closed).toBe(1);
  expect((await shares.get(['endpoint', 'secret'], open)).value).not.toBe(a.value);
});

test('what could not be opened is tried again by the next who asks', async () => {
  const shares = createShares<string>();
  const fails = async (): Promise<never> => {
    throw new Error('no connection');
  };
  await expect(shares.get(['x'], fails)).rejects.toThrow('no connection');
  expect((await shares.get(['x'], async () => ({ value: 'open', close: async () => {} }))).value).toBe('open');
});
