import { beforeEach, expect, test } from 'vitest';
import { createVirtualClock, type VirtualClock } from '../../src/platform/virtual-clock.ts';
import type { Lane } from '../../src/provisioner/cloud/lanes.ts';
import { systemRandom } from '../../src/provisioner/index.ts';
import { type Budget, createBudget } from './budget.ts';

let clock: VirtualClock;
let budget: Budget;
let granted: { readonly lane: Lane; readonly at: number }[];

beforeEach(() => {
  clock = createVirtualClock();
  budget = createBudget({ clock, random: systemRandom, perSecond: 14 });
  granted = [];
});

async function ask(lane: Lane, signal: AbortSignal = new AbortController().signal): Promise<void> {
  await budget.take(lane, signal);
  granted.push({ lane, at: clock.monotonic() });
}

test('never sends as many as thirty in any second, at the highest pace that can be set', async () => {
  await clock.advance(5_000);
  for (let count = 0; count < 200; count++) void ask('make');
  await clock.advance(30_000);
  expect(granted).toHaveLength(200);
  for (const { at } of granted) {
    expect(granted.filter((other) => other.at >= at && other.at < at + 1_000).length).toBeLessThan(30);
  }
});

test('lets removing pass making, and both pass looking', async () => {
  for (let count = 0; count < 14; count++) void ask('make');
  await clock.advance(0);
  granted = [];
  for (const lane of ['look', 'make', 'remove'] as const) void ask(lane);
  await clock.advance(1_000);
  expect(granted.map(({ lane }) => lane)).toEqual(['remove', 'make', 'look']);
});

test('holds everybody up for some seconds after a refusal', async () => {
  budget.refused();
  void ask('remove');
  await clock.advance(900);
  expect(granted).toEqual([]);
  await clock.advance(2_500);
  expect(granted).toHaveLength(1);
});

test('ends a wait at once when it is cancelled, and lets the next one go', async () => {
  for (let count = 0; count < 14; count++) void ask('make');
  const cancel = new AbortController();
  const waiting = ask('make', cancel.signal);
  void ask('look');
  cancel.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  await clock.advance(100);
  expect(granted.at(-1)?.lane).toBe('look');
});
