import { describe, expect, it } from 'vitest';
import { manualClock } from '../platform/manual-clock.ts';
import { createLocks } from './locks.ts';
import { settle } from './test/settle.ts';

/** Holds a lock until told. */
function holder(): { readonly done: Promise<void>; release(): void } {
  let release = (): void => {};
  const done = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { done, release: () => release() };
}

describe('a lock', () => {
  it('is held by one at a time, first come first served', async () => {
    const clock = manualClock();
    const { locked } = createLocks(clock);
    const order: string[] = [];
    const first = holder();
    const all = [
      locked('qemu-1', 'exclusive', 1_000, () => first.done),
      locked('qemu-1', 'exclusive', 1_000, () => void order.push('second')),
      locked('qemu-1', 'exclusive', 1_000, () => void order.push('third')),
      locked('qemu-2', 'exclusive', 1_000, () => void order.push('another')),
    ];
    await settle(clock, Promise.all(all.slice(3)));
    expect(order).toEqual(['another']);
    first.release();
    await settle(clock, Promise.all(all));
    expect(order).toEqual(['another', 'second', 'third']);
  });

  it('is shared among readers, and kept from them while a writer waits', async () => {
    const clock = manualClock();
    const { locked } = createLocks(clock);
    const order: string[] = [];
    const [one, two] = [holder(), holder()];
    const readers = [locked('x', 'shared', 1_000, () => one.done), locked('x', 'shared', 1_000, () => two.done)];
    const writer = locked('x', 'exclusive', 60_000, () => void order.push('writer'));
    const late = locked('x', 'shared', 60_000, () => void order.push('late reader'));
    one.release();
    two.release();
    await settle(clock, Promise.all([...readers, writer, late]));
    expect(order).toEqual(['writer', 'late reader']);
  });

  it.each([
    ['qemu-101', '/var/lock/qemu-server/lock-101.conf'],
    ['storage-local-lvm', '/var/lock/pve-manager/pve-storage-local-lvm'],
    ['other', '/var/lock/pve-manager/other'],
  ])('%s that is not had in time is told by its file', async (name, file) => {
    const clock = manualClock();
    const { locked } = createLocks(clock);
    const first = holder();
    const held = locked(name, 'exclusive', 1_000, () => first.done);
    await expect(
      settle(
        clock,
        locked(name, 'exclusive', 1_000, () => {}),
      ),
    ).rejects.toThrow(`can't lock file '${file}' - got timeout`);
    first.release();
    await settle(clock, held);
    // Who gave up stands in nobody's way.
    await settle(
      clock,
      locked(name, 'exclusive', 0, () => {}),
    );
  });

  it('is given back by work that fails', async () => {
    const clock = manualClock();
    const { locked } = createLocks(clock);
    await expect(locked('x', 'exclusive', 0, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await locked('x', 'exclusive', 0, () => 'mine')).toBe('mine');
  });

  it('is waited for in the log of a task only when there is a wait', async () => {
    const clock = manualClock();
    const { locked } = createLocks(clock);
    const lines: string[] = [];
    const log = (line: string): void => void lines.push(line);
    const first = holder();
    const held = locked('x', 'exclusive', 1_000, () => first.done, log);
    expect(lines).toEqual([]);
    const second = locked('x', 'exclusive', 1_000, () => {}, log);
    first.release();
    await settle(clock, Promise.all([held, second]));
    expect(lines).toEqual(['trying to acquire lock...', ' OK']);
  });
});
