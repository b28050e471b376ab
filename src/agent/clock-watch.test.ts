import { beforeEach, describe, expect, it } from 'vitest';
import { ClockWatch } from './clock-watch.ts';

let wall: number;
let ticked: number;
let skew: number | undefined;
let watch: ClockWatch;

beforeEach(() => {
  wall = 1_800_000_000_000;
  ticked = 500;
  skew = undefined;
  const clock = { now: () => wall + ticked, monotonic: () => ticked, after: () => () => {} };
  watch = new ClockWatch(clock, () => skew);
});

describe('the wall clock', () => {
  it('is not believed before the platform has accepted a request', () => {
    expect(watch.trusted).toBe(false);
    watch.confirm(watch.moment());
    expect(watch.trusted).toBe(true);
  });

  it('is believed for as long as it only ticks', () => {
    watch.confirm(watch.moment());
    ticked += 365 * 86_400_000;
    expect(watch.trusted).toBe(true);
  });

  it.each([60_000, -60_000, 86_400_000])(
    'is not believed after a step of %i ms, until the platform accepts it',
    (step) => {
      watch.confirm(watch.moment());
      wall += step;
      expect(watch.trusted).toBe(false);
      watch.confirm(watch.moment());
      expect(watch.trusted).toBe(true);
    },
  );

  it('is believed after a small correction', () => {
    watch.confirm(watch.moment());
    wall -= 59_999;
    expect(watch.trusted).toBe(true);
  });

  it('is judged by the moment of the request, not of its answer', () => {
    const signedAt = watch.moment();
    wall += 120_000;
    watch.confirm(signedAt);
    expect(watch.trusted).toBe(false);
  });

  it.each([60_000, -60_000])('is not believed while the platform’s own is %i ms off', (off) => {
    watch.confirm(watch.moment());
    skew = off;
    expect(watch.trusted).toBe(false);
    skew = off - Math.sign(off);
    expect(watch.trusted).toBe(true);
  });

  it('is believed where nobody measures its skew', () => {
    const clock = { now: () => wall, monotonic: () => 0, after: () => () => {} };
    const blind = new ClockWatch(clock);
    blind.confirm(blind.moment());
    expect(blind.trusted).toBe(true);
  });
});
