import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSkewEstimator } from './skew.ts';

const NOW = Date.UTC(2026, 0, 1, 12);
const header = (ms: number): { date: string } => ({ date: new Date(ms).toUTCString() });

describe('the clock skew', () => {
  it('is unknown before an answer carried a usable date', () => {
    const skew = createSkewEstimator();
    skew.observe({}, NOW, NOW);
    skew.observe({ date: 'yesterday' }, NOW, NOW);
    skew.observe({ ...header(NOW), age: '7' }, NOW, NOW);
    skew.observe(header(NOW), NOW, NOW - 1);
    expect(skew.estimate()).toBeUndefined();
  });

  it('is within half a second and half the time that the exchange took', () => {
    const skew = createSkewEstimator();
    skew.observe(header(NOW - 400_000), NOW, NOW + 200);
    expect(skew.estimate()).toEqual({ skewMs: 399_600, uncertaintyMs: 600 });
  });

  it('always contains the truth while it stands, and narrows with more answers', () => {
    const exchange = fc.record({
      pause: fc.integer({ min: 0, max: 5000 }),
      there: fc.integer({ min: 0, max: 900 }),
      back: fc.integer({ min: 0, max: 900 }),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: -1e7, max: 1e7 }),
        fc.array(exchange, { minLength: 1, maxLength: 30 }),
        (truth, exchanges) => {
          const skew = createSkewEstimator();
          let platform = NOW;
          let before = Number.POSITIVE_INFINITY;
          exchanges.forEach(({ pause, there, back }, i) => {
            platform += pause;
            skew.observe(header(platform + there), platform + truth, platform + there + back + truth);
            platform += there + back;
            const { skewMs, uncertaintyMs } = skew.estimate() ?? { skewMs: Number.NaN, uncertaintyMs: Number.NaN };
            expect(Math.abs(skewMs - truth)).toBeLessThanOrEqual(uncertaintyMs);
            if (i < 8) expect(uncertaintyMs).toBeLessThanOrEqual(before);
            before = uncertaintyMs;
          });
        },
      ),
    );
  });

  it('follows a clock that was set', () => {
    const skew = createSkewEstimator();
    for (let i = 0; i < 20; i++) skew.observe(header(NOW), NOW, NOW);
    skew.observe(header(NOW), NOW + 60_000, NOW + 60_000);
    expect(skew.estimate()).toEqual({ skewMs: 59_500, uncertaintyMs: 500 });
  });
});
