import { describe, expect, it } from 'vitest';
import { manualClock } from '../platform/manual-clock.ts';
import { createBench } from './test/client.ts';
import { settle } from './test/settle.ts';
import { createWorkers } from './workers.ts';

function forever(): Promise<never> {
  return new Promise(() => {});
}

describe('the three workers of a node', () => {
  it('do one request each, and the next one when one of them is done', async () => {
    const clock = manualClock();
    const workers = createWorkers(clock);
    const order: number[] = [];
    const jobs = [1, 2, 3, 4].map((job) =>
      workers.run('pve', async () => {
        order.push(job);
        await new Promise<void>((resolve) => void clock.after(1_000, resolve));
        order.push(-job);
      }),
    );
    await settle(clock, Promise.all(jobs));
    expect(order).toEqual([1, 2, 3, -1, -2, -3, 4, -4].toSorted((a, b) => order.indexOf(a) - order.indexOf(b)));
    expect(order.indexOf(4)).toBeGreaterThan(order.indexOf(-1));
  });

  it('let a request fall that waited ten seconds, without having looked at it', async () => {
    const clock = manualClock();
    const workers = createWorkers(clock);
    for (let busy = 0; busy < 3; busy++) void workers.run('pve', forever);
    let looked = false;
    const dropped = workers.run('pve', async () => {
      looked = true;
    });
    expect(await settle(clock, dropped)).toBe('gave up');
    expect(looked).toBe(false);
    expect(
      await settle(
        clock,
        workers.run('another', async () => 'free'),
      ),
    ).toEqual({ done: 'free' });
  });

  it('are why a call that nobody touched can come back as 596', async () => {
    const bench = createBench();
    const { template } = bench;
    // A lock that a long copy holds keeps every change of that machine waiting in its worker.
    void bench.core.pve.locked(`qemu-${template}`, 'exclusive', 0, forever);
    const change = (): Promise<{ status: number; body: string }> =>
      bench.call('PUT', `/nodes/pve/qemu/${template}/config`, { description: 'x' });
    const answers = await Promise.all([change(), change(), change(), change()]);
    expect(answers.map(({ status }) => status)).toEqual([500, 500, 500, 596]);
    expect(answers[3]?.body).toBe('');
    await bench.core.close();
  });
});
