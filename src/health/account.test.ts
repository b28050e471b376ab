import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accountOf, outagesOf, shareOf, stretches } from './account.ts';
import { BEGIN, INTERVAL_MS } from './fixtures.ts';
import type { UptimeState } from './lines.ts';
import type { DueSample } from './read.ts';

const MINUTE = 60_000;

/** One sample for each entry: minutes since the beginning, and the state. */
function seen(...entries: readonly (readonly [number, UptimeState])[]): DueSample[] {
  return entries.map(([minute, state]) => ({ at: BEGIN + minute * MINUTE, state, intervalMs: INTERVAL_MS }));
}

function minutes(samples: readonly DueSample[], from: number, to: number) {
  const account = accountOf(stretches(samples), BEGIN + from * MINUTE, BEGIN + to * MINUTE);
  return Object.fromEntries(Object.entries(account).map(([name, ms]) => [name, ms / MINUTE]));
}

describe('uptime', () => {
  it('is only the time between two good looks', () => {
    const samples = seen([0, 'up'], [5, 'up'], [10, 'down'], [15, 'up'], [20, 'up']);
    expect(minutes(samples, 0, 20)).toEqual({ up: 10, down: 10, unknown: 0, paused: 0, unseen: 0 });
  });

  it('is not claimed for a time in which nobody looked, nor before or after', () => {
    expect(minutes(seen([10, 'up'], [25, 'up'], [30, 'up']), 0, 60)).toMatchObject({ up: 5, unseen: 55 });
  });

  it('leaves pauses and doubt out of the share', () => {
    const samples = seen([0, 'up'], [5, 'up'], [10, 'paused'], [15, 'paused'], [20, 'unknown'], [25, 'up'], [30, 'up']);
    const account = accountOf(stretches(samples), BEGIN, BEGIN + 30 * MINUTE);
    expect(minutes(samples, 0, 30)).toEqual({ up: 10, down: 0, unknown: 10, paused: 10, unseen: 0 });
    expect(shareOf(account)).toBe(1);
    expect(shareOf(accountOf([], BEGIN, BEGIN + 1))).toBeUndefined();
  });

  it('counts nothing twice when the clock is set back', () => {
    const samples = seen([0, 'up'], [5, 'up'], [10, 'up'], [3, 'down'], [8, 'down'], [13, 'up']);
    expect(minutes(samples, 0, 20)).toEqual({ up: 3, down: 10, unknown: 0, paused: 0, unseen: 7 });
  });

  it('adds up to the window, whatever was seen', () => {
    const state = fc.constantFrom<UptimeState>('up', 'down', 'unknown', 'paused');
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(500), state)), fc.nat(500), fc.nat(500), (entries, from, length) => {
        const samples = seen(...entries);
        const sum = Object.values(minutes(samples, from, from + length)).reduce((a, b) => a + b, 0);
        expect(sum).toBeCloseTo(length);
        for (const stretch of stretches(samples)) expect(stretch.to).toBeGreaterThan(stretch.from);
      }),
    );
  });
});

describe('outages', () => {
  it('last from the last good look to the next one', () => {
    const samples = seen([0, 'up'], [5, 'down'], [6, 'down'], [8, 'up'], [13, 'up'], [18, 'down']);
    expect(outagesOf(samples).map(({ from, to }) => [(from - BEGIN) / MINUTE, to && (to - BEGIN) / MINUTE])).toEqual([
      [0, 8],
      [13, undefined],
    ]);
  });

  it('end with the last bad look when nobody looked after it', () => {
    const samples = seen([0, 'down'], [5, 'down'], [100, 'up']);
    expect(outagesOf(samples)).toEqual([{ from: BEGIN, to: BEGIN + 5 * MINUTE }]);
  });
});
