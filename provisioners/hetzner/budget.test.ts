import { beforeEach, describe, expect, test } from 'vitest';
import { createVirtualClock, type VirtualClock } from '../../src/platform/virtual-clock.ts';
import type { Lane } from '../../src/provisioner/cloud/lanes.ts';
import { systemRandom } from '../../src/provisioner/index.ts';
import { type Budget, createBudget, type Done } from './budget.ts';

let clock: VirtualClock;
let budget: Budget;
let granted: Lane[];
let dones: Done[];

beforeEach(() => {
  clock = createVirtualClock();
  budget = createBudget({ clock, random: systemRandom, reserve: 300 });
  granted = [];
  dones = [];
});

const told = (remaining: number, limit = 3_600) => ({
  'ratelimit-limit': String(limit),
  'ratelimit-remaining': String(remaining),
});

async function ask(lane: Lane, signal: AbortSignal = new AbortController().signal): Promise<void> {
  const done = await budget.take(lane, signal);
  granted.push(lane);
  dones.push(done);
}

/** One exchange whose answer says how much is left. */
async function learn(remaining: number, limit?: number): Promise<void> {
  await ask('remove');
  granted.pop();
  dones.pop()?.(told(remaining, limit));
}

const settled = () => clock.advance(0);

describe('before the API has told what is left', () => {
  test('a first burst of fifty is let through, then one a second', async () => {
    for (let count = 0; count < 60; count++) void ask('make');
    await settled();
    expect(granted).toHaveLength(50);
    await clock.advance(5_000);
    expect(granted).toHaveLength(55);
  });
});

describe('once it has', () => {
  test('as many go at once as it leaves beyond the reserve', async () => {
    await learn(320);
    for (let count = 0; count < 30; count++) void ask('make');
    await settled();
    expect(granted).toHaveLength(20);
    await clock.advance(10_000);
    expect(granted).toHaveLength(30);
  });

  test('removing may use the reserve, making may not, looking leaves twice as much', async () => {
    await learn(450);
    for (const lane of ['look', 'poll', 'make', 'remove'] as const) void ask(lane);
    await settled();
    expect(granted).toEqual(['poll', 'make', 'remove']);
    await learn(200);
    void ask('make');
    void ask('remove');
    await settled();
    expect(granted).toEqual(['poll', 'make', 'remove', 'remove']);
  });

  test('removing goes first, then making, then polling', async () => {
    await learn(0);
    for (const lane of ['poll', 'look', 'make', 'remove'] as const) void ask(lane);
    await clock.advance(2_000);
    expect(granted).toEqual(['remove']);
    await clock.advance(700_000);
    expect(granted).toEqual(['remove', 'make', 'poll', 'look']);
  });

  test('what is under way counts as not yet counted', async () => {
    await learn(310);
    for (let count = 0; count < 6; count++) void ask('make');
    await settled();
    // The answer to the first may have left before the API saw the other five.
    dones.shift()?.(told(308));
    expect(budget.left?.remaining).toBe(303);
  });

  test('a small bucket is not reserved away', async () => {
    await learn(40, 40);
    for (let count = 0; count < 40; count++) void ask('make');
    await settled();
    expect(granted).toHaveLength(30);
  });

  test('what other tools use up is noticed with the next answer', async () => {
    await learn(3_000);
    await ask('make');
    dones.pop()?.(told(299));
    void ask('make');
    await settled();
    expect(granted).toHaveLength(1);
    await clock.advance(2_000);
    expect(granted).toHaveLength(2);
  });

  test('nonsense in the headers changes nothing', async () => {
    await learn(1_000);
    await ask('make');
    dones.pop()?.({ 'ratelimit-remaining': 'lots', 'ratelimit-limit': '-1' });
    expect(budget.left).toEqual({ remaining: 999, limit: 3_600 });
  });
});

describe('a refusal', () => {
  test('holds everybody up for some seconds, and not until the bucket is full again', async () => {
    await learn(3_000);
    budget.refused({});
    void ask('remove');
    await clock.advance(1_000);
    expect(granted).toEqual([]);
    await clock.advance(4_000);
    expect(granted).toEqual(['remove']);
  });
});

describe('waiting', () => {
  test('ends at once when it is cancelled, and lets the next one go', async () => {
    await learn(301);
    const cancel = new AbortController();
    await ask('make');
    const waiting = ask('make', cancel.signal);
    void ask('make');
    cancel.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await clock.advance(1_100);
    expect(granted).toHaveLength(2);
  });

  test('is foretold', async () => {
    await learn(300);
    expect(budget.waitFor('remove')).toBe(0);
    expect(budget.waitFor('make')).toBeCloseTo(1_000, -2);
    expect(budget.waitFor('look')).toBeCloseTo(301_000, -3);
    for (let count = 0; count < 20; count++) void ask('make');
    expect(budget.waitFor('make')).toBeGreaterThan(20_000);
  });

  test('polling takes its time when requests are scarce, and more of it while somebody waits', async () => {
    await learn(3_000);
    expect(budget.pace('poll', 4)).toBe(0);
    await learn(310);
    expect(budget.pace('poll', 4)).toBe(8_000);
    for (let count = 0; count < 20; count++) void ask('make');
    expect(budget.pace('poll', 4)).toBe(40_000);
  });
});
