import { describe, expect, it } from 'vitest';
import { silent, timesOf } from './sick-target.ts';

describe('a target that does not answer', () => {
  it('slows nothing that happens on another', async () => {
    const alone = await timesOf([]);
    const beside = await timesOf([silent('tired'), silent('dead')]);
    const mean = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0) / numbers.length;
    // The two worlds draw other jitter, so one poll (3.6 s and a quarter) or one cycle (30 s and a quarter) may lie between them.
    expect(mean(beside.deliveries)).toBeLessThan(mean(alone.deliveries) + 1_500);
    expect(Math.max(...beside.deliveries)).toBeLessThan(Math.max(...alone.deliveries) + 4_500);
    expect(beside.removal).toBeLessThan(40_000);
    expect(beside.beats).toBeGreaterThanOrEqual(alone.beats - 1);
  });
});
