import { describe, expect, it } from 'vitest';
import { manualClock } from '../../simulators/platform/manual-clock.ts';
import { createShared } from './shared.ts';

const signal = new AbortController().signal;

/** A host that answers when it is told to. */
function host() {
  const waiting: { resolve: (value: number) => void; reject: (error: Error) => void }[] = [];
  return {
    waiting,
    ask: () => new Promise<number>((resolve, reject) => waiting.push({ resolve, reject })),
  };
}

describe('an answer that several ask for', () => {
  it('is asked for once by all who ask meanwhile, and again when it is old', async () => {
    const clock = manualClock();
    const [shared, { ask, waiting }] = [createShared<number>(clock), host()];
    const all = [1, 2, 3].map(() => shared.recent('a', 1_000, { ask, signal }));
    const other = shared.recent('b', 1_000, { ask, signal });
    expect(waiting).toHaveLength(2);
    waiting.map(({ resolve }, index) => resolve(index));
    expect(await Promise.all(all)).toEqual([0, 0, 0]);
    expect(await other).toBe(1);
    expect(await shared.recent('a', 1_000, { ask, signal })).toBe(0);
    clock.advance(1_000);
    const later = shared.recent('a', 1_000, { ask, signal });
    expect(waiting).toHaveLength(3);
    waiting[2]?.resolve(7);
    expect(await later).toBe(7);
  });

  it('that is to be fresh is asked for, and serves those who come after', async () => {
    const [shared, { ask, waiting }] = [createShared<number>(manualClock()), host()];
    const old = shared.fresh('', { ask, signal });
    waiting[0]?.resolve(1);
    await old;
    const fresh = shared.fresh('', { ask, signal });
    expect(waiting).toHaveLength(2);
    waiting[1]?.resolve(2);
    expect(await fresh).toBe(2);
    expect(await shared.recent('', 1, { ask, signal })).toBe(2);
  });

  it('that fails, fails for all who waited, and is not kept', async () => {
    const [shared, { ask, waiting }] = [createShared<number>(manualClock()), host()];
    const both = [1, 2].map(() => shared.recent('', 1_000, { ask, signal }));
    waiting[0]?.reject(new Error('down'));
    expect((await Promise.allSettled(both)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const next = shared.recent('', 1_000, { ask, signal });
    waiting[1]?.resolve(5);
    expect(await next).toBe(5);
  });

  it('does not end for others when the one who asked gives up, and ends at once for a waiter who does', async () => {
    const [shared, { ask, waiting }] = [createShared<number>(manualClock()), host()];
    const [owner, guest] = [new AbortController(), new AbortController()];
    const first = shared.recent('', 1_000, { ask, signal: owner.signal });
    const second = shared.recent('', 1_000, { ask, signal });
    const third = shared.recent('', 1_000, { ask, signal: guest.signal });
    guest.abort(new Error('no longer wanted'));
    await expect(third).rejects.toMatchObject({ kind: 'retry' });
    owner.abort(new Error('stopping'));
    waiting[0]?.reject(new Error('aborted'));
    await expect(first).rejects.toThrow('aborted');
    await expect.poll(() => waiting.length).toBe(2);
    waiting[1]?.resolve(9);
    expect(await second).toBe(9);
  });
});
