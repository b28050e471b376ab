import { expect, test } from 'vitest';
import { manualClock } from '../../../simulators/platform/manual-clock.ts';
import { withDeadline } from './deadline.ts';

const ended = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    if (signal.aborted) return reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason));
  });

test('an exchange ends with its caller, also one that was cancelled before anybody listened', async () => {
  const clock = manualClock();
  const before = { clock, signal: AbortSignal.abort(), timeoutMs: 1_000 };
  expect(await withDeadline(before, async ({ aborted }) => aborted)).toBe(true);
  const caller = new AbortController();
  const exchange = withDeadline({ clock, signal: caller.signal, timeoutMs: 1_000 }, ended);
  caller.abort(new Error('meanwhile'));
  await expect(exchange).rejects.toThrow('meanwhile');
});

test('it ends when its time is up, and one that has its answer is left alone', async () => {
  const clock = manualClock();
  const { signal } = new AbortController();
  let used: AbortSignal | undefined;
  const answer = await withDeadline({ clock, signal, timeoutMs: 1_000 }, async (given) => {
    used = given;
    return 'answer';
  });
  const late = withDeadline({ clock, signal, timeoutMs: 1_000 }, ended);
  clock.advance(1_000);
  await expect(late).rejects.toThrow('no answer within 1 s');
  expect([answer, used?.aborted]).toEqual(['answer', false]);
});
