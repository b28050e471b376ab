import picocolors from 'picocolors';
import { describe, expect, it } from 'vitest';
import type { TrafficTotals } from '../../agent/index.ts';
import { bytes, renderOne, renderTraffic } from './render.ts';

const NOW = Date.UTC(2026, 10, 28, 22, 30);
const plain = picocolors.createColors(false);
const HOUR = Math.floor(NOW / 3_600_000);

const BUSY: TrafficTotals = {
  in: 5_000_000_000,
  out: 700_000_000,
  source: 'gateway',
  counter: { in: 1, out: 1 },
  at: NOW - 20_000,
  rate: { in: 1_250_000, out: 999 },
  hours: [
    { hour: HOUR - 30, in: 9, out: 9 },
    { hour: HOUR - 1, in: 1_000, out: 0 },
    { hour: HOUR, in: 3_000, out: 1_000 },
  ],
  month: { name: '2026-11', in: 2_000_000, out: 500_000 },
};
const IDLE: TrafficTotals = { ...BUSY, at: NOW - 3_600_000, hours: [], month: { name: '2026-11', in: 0, out: 0 } };

describe('traffic', () => {
  it('of all machines is a table with the busiest first', () => {
    const [head, first, second] = renderTraffic(
      new Map([
        ['1'.repeat(64), IDLE],
        ['a'.repeat(64), BUSY],
      ]),
      { now: NOW },
    ).split('\n');
    expect(head).toMatch(/^CONTRACT +IN +OUT +THIS MONTH +IN NOW +OUT NOW +LAST 24 HOURS$/);
    expect(first).toMatch(/^aaaaaaaaaaaa +5\.00 GB +700 MB +2\.50 MB +1\.25 MB\/s +999 B\/s +·{22}▃█$/);
    expect(second).toMatch(/^111111111111 .* - +- +·{24}$/);
  });

  it('of one machine is told by the hour', () => {
    const text = renderOne('a'.repeat(64), BUSY, { now: NOW, colors: plain });
    expect(text).toContain('5.00 GB in, 700 MB out');
    expect(text).toContain('2.00 MB in, 500 kB out (2026-11, UTC)');
    expect(text.split('\n').at(-1)).toMatch(/^22:00Z +3\.00 kB +1\.00 kB +█{40}$/);
    expect(text.split('\n').at(-2)).toMatch(/^21:00Z +1\.00 kB +0 B +█{10}$/);
    expect(text.split('\n')).toHaveLength(5 + 1 + 1 + 24);
  });

  it('is held against the allowance of the month that it is now', () => {
    const both = new Map([
      ['1'.repeat(64), { ...BUSY, month: { name: '2026-10', in: 9e9, out: 9e9 } }],
      ['a'.repeat(64), BUSY],
    ]);
    const [head, first, second] = renderTraffic(both, { now: NOW, allowance: 3_000_000 }).split('\n');
    expect(head).toMatch(/ THIS MONTH +ALLOWANCE +IN NOW /);
    expect(first).toMatch(/^aaaaaaaaaaaa .* 2\.50 MB +83 % /);
    expect(second).toMatch(/^111111111111 .* 0 B +0 % /);
    const one = (allowance: number, throttleMbit?: number) =>
      renderOne('a'.repeat(64), BUSY, { now: NOW, colors: plain, allowance, throttleMbit });
    expect(one(2_500_000)).toContain('allowance 2.50 MB of 2.50 MB, 100 %');
    expect(one(2_000_000)).toContain('allowance 2.50 MB of 2.00 MB, used up\n');
    expect(one(2_000_000, 5)).toContain('used up; slowed to 5 Mbit/s until the month (UTC) is over');
  });

  it('is told when there is none', () => {
    expect(renderTraffic(new Map(), { now: NOW })).toBe('No traffic is recorded yet.');
  });

  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1_000, '1.00 kB'],
    [9_994, '9.99 kB'],
    [9_996, '10.0 kB'],
    [99_960, '100 kB'],
    [999_499, '999 kB'],
    [999_500, '1.00 MB'],
    [1.5e18, '1500 PB'],
  ])('of %d bytes is written as %s', (count, text) => {
    expect(bytes(count)).toBe(text);
  });
});
