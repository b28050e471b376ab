import { beforeEach, describe, expect, it } from 'vitest';
import { VirtualTime } from '../../test/simulation/virtual-time.ts';
import { DeadlineError, withDeadline } from './deadline.ts';

let time: VirtualTime;
let outer: AbortController;
beforeEach(() => {
  time = new VirtualTime();
  outer = new AbortController();
});

describe('a deadline', () => {
  it('lets through what comes in time, and what fails in time', async () => {
    await expect(withDeadline(time, 1_000, outer.signal, async () => 'answer')).resolves.toBe('answer');
    await expect(withDeadline(time, 1_000, outer.signal, () => Promise.reject(new Error('refused')))).rejects.toThrow(
      'refused',
    );
  });

  it('ends one that does not listen', async () => {
    const stuck = withDeadline(time, 30_000, outer.signal, () => new Promise(() => {}));
    await Promise.all([
      expect(stuck).rejects.toThrow(new DeadlineError('no answer within 30 s')),
      time.advance(30_000),
    ]);
  });

  it('does not end it a moment earlier', async () => {
    let settled = false;
    const slow = withDeadline(
      time,
      30_000,
      outer.signal,
      () => new Promise((resolve) => void time.after(29_999, () => resolve(1))),
    );
    void slow.then(() => (settled = true));
    await time.advance(29_998);
    expect(settled).toBe(false);
    await time.advance(2);
    await expect(slow).resolves.toBe(1);
  });

  it('tells the work why it is ended', async () => {
    let reason: unknown;
    const work = (signal: AbortSignal): Promise<never> =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject((reason = signal.reason))));
    const stuck = withDeadline(time, 5_000, outer.signal, work);
    await Promise.all([expect(stuck).rejects.toThrow(DeadlineError), time.advance(5_000)]);
    expect(reason).toBeInstanceOf(DeadlineError);
  });

  it('ends with whoever asked for it', async () => {
    let inner: AbortSignal | undefined;
    const stuck = withDeadline(time, 5_000, outer.signal, (signal) => {
      inner = signal;
      return new Promise(() => {});
    });
    outer.abort(new Error('the agent is stopping'));
    await expect(stuck).rejects.toThrow('the agent is stopping');
    expect(inner?.reason).toBe(outer.signal.reason);
  });

  it('begins nothing when whoever asks has ended', async () => {
    let begun = false;
    outer.abort(new Error('stopped before'));
    const work = async (): Promise<void> => void (begun = true);
    await expect(withDeadline(time, 5_000, outer.signal, work)).rejects.toThrow('stopped before');
    expect(begun).toBe(false);
  });

  it('leaves no timer behind', async () => {
    let aborted = false;
    await withDeadline(time, 5_000, outer.signal, async (signal) =>
      signal.addEventListener('abort', () => (aborted = true)),
    );
    await time.advance(10_000);
    outer.abort();
    expect(aborted).toBe(false);
  });
});
