import { beforeEach, describe, expect, test } from 'vitest';
import { createVirtualClock, type VirtualClock } from '../../src/platform/virtual-clock.ts';
import type { Lane } from '../../src/provisioner/cloud/lanes.ts';
import { systemRandom } from '../../src/provisioner/index.ts';
import { type Budget, createBudget, type Done } from './budget.ts';

const RESERVE = 500;

let clock: VirtualClock;
let budget: Budget;
let granted: Lane[];
let dones: Done[];

beforeEach(() => {
  clock = createVirtualClock();
  budget = createBudget({ clock, random: systemRandom, reserve: RESERVE });
  granted = [];
  dones = [];
});

async function ask(lane: Lane, signal = new AbortController().signal): Promise<void> {
  const given = await budget.take(lane, signal);
  granted.push(lane);
  dones.push(given);
}

const headers = (remaining: number, resetInS: number) => ({
  'ratelimit-limit': '5000',
  'ratelimit-remaining': String(remaining),
  'ratelimit-reset': String(Math.ceil(clock.now() / 1_000) + resetInS),
});

/** One request that comes back with what is left. */
async function told(remaining: number, resetInS = 600): Promise<void> {
  await ask('remove');
  dones.pop()?.(headers(remaining, resetInS));
  granted.pop();
}

const many = (count: number, lane: Lane) => {
  for (let each = 0; each < count; each++) void ask(lane);
};

describe('of a minute', () => {
  test('never more than 250 are used, whatever is asked for', async () => {
    await told(4_999);
    many(2_000, 'remove');
    const at: number[] = [];
    for (let second = 0; second < 180; second++) {
      const before = granted.length;
      await clock.advance(1_000);
      for (const done of dones.splice(0)) done(headers(4_500, 600));
      at.push(granted.length - before);
    }
    for (let from = 0; from + 60 <= at.length; from++) {
      expect(at.slice(from, from + 60).reduce((all, each) => all + each, 0)).toBeLessThanOrEqual(250);
    }
    expect(granted.length).toBeGreaterThan(500);
  });

  test('a burst leaves some for what changes something', async () => {
    await told(4_999);
    many(100, 'look');
    await clock.advance(0);
    expect(granted.length).toBeLessThan(40);
    void ask('make');
    void ask('remove');
    await clock.advance(0);
    expect(granted.slice(-2).toSorted()).toEqual(['make', 'remove']);
  });
});

describe('of the hour', () => {
  test('the reserve is for removing, and twice as much is out of reach for looking', async () => {
    await told(2 * RESERVE);
    many(1, 'look');
    many(1, 'make');
    await clock.advance(0);
    expect(granted).toEqual(['make']);
    await told(RESERVE);
    many(1, 'make');
    many(1, 'remove');
    await clock.advance(0);
    expect(granted).toEqual(['make', 'remove']);
  });

  test('when it is used up, one request finds out at the time at which the oldest expires', async () => {
    await told(0, 600);
    many(3, 'remove');
    await clock.advance(598_000);
    expect(granted).toEqual([]);
    await clock.advance(3_000);
    expect(granted).toEqual(['remove']);
    dones.pop()?.(headers(40, 600));
    await clock.advance(0);
    expect(granted.length).toBe(3);
  });

  test('how long it would take is told', async () => {
    await told(0, 1_800);
    expect(budget.waitFor('make')).toBeGreaterThan(1_700_000);
    expect(budget.left).toMatchObject({ remaining: 0, limit: 5_000 });
  });
});

test('after a refusal everybody waits as long as it said', async () => {
  await told(4_999);
  budget.refused({}, 42_000);
  many(1, 'remove');
  await clock.advance(41_000);
  expect(granted).toEqual([]);
  await clock.advance(2_000);
  expect(granted).toEqual(['remove']);
});

test('whoever is cancelled leaves the queue, and lets the next one go', async () => {
  await told(0, 60);
  const cancel = new AbortController();
  const first = ask('remove', cancel.signal);
  void ask('look');
  cancel.abort(new Error('cancelled'));
  await expect(first).rejects.toThrow('cancelled');
  expect(granted).toEqual([]);
});
