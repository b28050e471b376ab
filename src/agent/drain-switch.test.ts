import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Disk } from '../ports/disk.ts';
import { DrainSwitch } from './drain-switch.ts';
import { only } from './fixtures.ts';

/** A disk with one file, which takes its time and loses no order that it was not given. */
function slowDisk(refusal?: Error): { readonly disk: Disk; readonly there: () => boolean } {
  let there = false;
  const later = async (turns: number, change: () => void): Promise<void> => {
    for (let turn = 0; turn < turns; turn++) await setImmediate();
    change();
  };
  const disk = only<Disk>({
    read: async () => (there ? Buffer.from('said') : undefined),
    replace: async () => {
      if (refusal !== undefined) throw refusal;
      await later(3, () => void (there = true));
    },
    remove: () => later(0, () => void (there = false)),
  });
  return { disk, there: () => there };
}

test('what was said last is what the next start reads, however long the disk takes for the word before', async () => {
  const { disk, there } = slowDisk();
  const drain = await DrainSwitch.open(disk, '/state');
  await Promise.all([drain.drain(), drain.resume()]);
  expect([drain.on, there()]).toEqual([false, false]);
  await Promise.all([drain.resume(), drain.drain()]);
  expect([drain.on, there()]).toEqual([true, true]);
  expect((await DrainSwitch.open(disk, '/state')).on).toBe(true);
});

test('a word that the disk refuses does not stand in the way of the next one', async () => {
  const { disk, there } = slowDisk(new Error('ENOSPC'));
  const drain = await DrainSwitch.open(disk, '/state');
  await expect(drain.drain()).rejects.toThrow('ENOSPC');
  expect(drain.on).toBe(true);
  await drain.resume();
  expect([drain.on, there()]).toEqual([false, false]);
});
