import { describe, expect, it } from 'vitest';
import { manualClock } from '../../simulators/platform/manual-clock.ts';
import { systemRandom } from '../../src/provisioner/index.ts';
import { createIds } from './ids.ts';

const HOUR = 3_600_000;

describe('VMIDs', () => {
  it('are each given once, within the range, and none that is taken', () => {
    const ids = createIds({ first: 500, last: 509 }, manualClock(), systemRandom);
    const given = Array.from({ length: 8 }, () => ids.choose(new Set([503, 507])));
    expect(given.toSorted((a, b) => a - b)).toEqual([500, 501, 502, 504, 505, 506, 508, 509]);
    expect(() => ids.choose(new Set([503, 507]))).toThrow(/500 to 509/);
  });

  it('are not given again for hours after a machine had them', () => {
    const clock = manualClock();
    const ids = createIds({ first: 500, last: 500 }, clock, systemRandom);
    ids.noteUsed(500);
    clock.advance(5 * HOUR);
    expect(() => ids.choose(new Set())).toThrow(/hours ago/);
    clock.advance(2 * HOUR);
    expect(ids.choose(new Set())).toBe(500);
  });

  it('begin somewhere else each time, so that two agents seldom want the same one', () => {
    const ids = createIds({ first: 100_000, last: 999_999 }, manualClock(), systemRandom);
    const given = new Set(Array.from({ length: 50 }, () => Math.floor(ids.choose(new Set()) / 1000)));
    expect(given.size).toBeGreaterThan(20);
  });
});
