import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addSample, type Bytes, type TrafficTotals } from './traffic-totals.ts';

const NOW = Date.UTC(2026, 10, 30, 22, 30);
const MINUTE = 60_000;
const HOUR = 3_600_000;

/** The totals after these looks, a minute apart. */
function after(...counters: readonly (readonly [number, number])[]): TrafficTotals | undefined {
  return counters.reduce<TrafficTotals | undefined>(
    (totals, [bytesIn, bytesOut], index) =>
      addSample(totals, 'gateway', { in: bytesIn, out: bytesOut }, NOW + index * MINUTE),
    undefined,
  );
}

describe('what a machine has moved', () => {
  it.each<[string, readonly (readonly [number, number])[], Bytes]>([
    ['is what its counter says at first', [[100, 7]], { in: 100, out: 7 }],
    [
      'grows with its counter',
      [
        [100, 7],
        [160, 9],
      ],
      { in: 160, out: 9 },
    ],
    [
      'keeps what a counter held that began anew',
      [
        [100, 7],
        [30, 2],
      ],
      { in: 130, out: 9 },
    ],
    [
      'takes a reset of one direction for one of both',
      [
        [100, 7],
        [120, 2],
      ],
      { in: 220, out: 9 },
    ],
    [
      'stays while nothing moves',
      [
        [100, 7],
        [100, 7],
        [100, 7],
      ],
      { in: 100, out: 7 },
    ],
    [
      'does not shrink when everything is lost',
      [
        [100, 7],
        [0, 0],
      ],
      { in: 100, out: 7 },
    ],
  ])('%s', (_, counters, expected) => {
    expect(after(...counters)).toMatchObject(expected);
  });

  it('never becomes less and never more than what moved, however often a counter begins anew', () => {
    const step = fc.record({ in: fc.nat(1_000), out: fc.nat(1_000), reset: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let truth = { in: 0, out: 0 };
        let counter = { in: 0, out: 0 };
        let totals: TrafficTotals | undefined;
        for (const [index, one] of steps.entries()) {
          if (one.reset) counter = { in: 0, out: 0 };
          counter = { in: counter.in + one.in, out: counter.out + one.out };
          truth = { in: truth.in + one.in, out: truth.out + one.out };
          const next = addSample(totals, 'gateway', counter, NOW + index);
          expect(next.in).toBeGreaterThanOrEqual(totals?.in ?? 0);
          expect(next.out).toBeGreaterThanOrEqual(totals?.out ?? 0);
          totals = next;
        }
        expect(totals?.in ?? 0).toBeLessThanOrEqual(truth.in);
        expect(totals?.out ?? 0).toBeLessThanOrEqual(truth.out);
      }),
    );
  });

  it('is told by the backend from the moment that it can tell, and by nobody twice', () => {
    const first = addSample(undefined, 'gateway', { in: 100, out: 10 }, NOW);
    const backend = addSample(first, 'backend', { in: 5_000, out: 900 }, NOW + MINUTE);
    expect(backend).toMatchObject({ in: 100, out: 10, source: 'backend' });
    const later = addSample(backend, 'gateway', { in: 700, out: 70 }, NOW + 2 * MINUTE);
    expect(later).toBe(backend);
    expect(addSample(later, 'backend', { in: 5_040, out: 901 }, NOW + 3 * MINUTE)).toMatchObject({ in: 140, out: 11 });
  });

  it('has a rate between two looks, and none at the first or when no time has passed', () => {
    expect(after([100, 7])).not.toHaveProperty('rate');
    expect(after([100, 7], [700, 67])?.rate).toEqual({ in: 10, out: 1 });
    const same = addSample(after([100, 7]), 'gateway', { in: 200, out: 8 }, NOW);
    expect(same).not.toHaveProperty('rate');
  });

  it('is kept by the hour, for two days, without hours in which nothing moved', () => {
    let totals: TrafficTotals | undefined;
    for (let hour = 0; hour < 60; hour++)
      totals = addSample(totals, 'gateway', { in: hour * 10, out: 0 }, NOW + hour * HOUR);
    expect(totals?.hours).toHaveLength(48);
    expect(totals?.hours.at(-1)).toEqual({ hour: Math.floor((NOW + 59 * HOUR) / HOUR), in: 10, out: 0 });
    const idle = addSample(totals, 'gateway', { in: 590, out: 0 }, NOW + 70 * HOUR);
    expect(idle.hours).toEqual(totals?.hours);
    const back = addSample(totals, 'gateway', { in: 591, out: 0 }, NOW);
    expect(back.hours.at(-1)).toMatchObject({ in: 11 });
  });

  it('begins anew with each calendar month', () => {
    const november = addSample(undefined, 'gateway', { in: 100, out: 10 }, NOW);
    expect(november.month).toEqual({ name: '2026-11', in: 100, out: 10 });
    const december = addSample(november, 'gateway', { in: 130, out: 10 }, NOW + 2 * HOUR);
    expect(december.month).toEqual({ name: '2026-12', in: 30, out: 0 });
    expect(december.in).toBe(130);
  });
});
