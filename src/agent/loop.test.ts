import { beforeEach, describe, expect, it } from 'vitest';
import { VirtualTime } from '../../test/simulation/virtual-time.ts';
import { silentLog } from '../ports/log.ts';
import type { Random } from '../ports/random.ts';
import { Loop, type LoopOptions } from './loop.ts';

/** Always the middle: an interval is met exactly, and a back-off takes 62.5 % of its ceiling. */
const middle: Random = { float: () => 0.5, bytes: (count) => new Uint8Array(count), uuid: () => '' };

let time: VirtualTime;
let passes: number[];
let outcomes: unknown[];
let warned: number;
let next: (signal: AbortSignal) => Promise<void>;

function makeLoop(more: Partial<LoopOptions> = {}): Loop {
  return new Loop({
    name: 'test',
    clock: time,
    random: middle,
    log: { ...silentLog, warn: () => void warned++ },
    interval: () => 10_000,
    pass: (signal) => {
      passes.push(time.monotonic());
      return next(signal);
    },
    onOutcome: (error) => outcomes.push(error),
    ...more,
  });
}

function failing(): Promise<void> {
  return Promise.reject(new Error('unreachable'));
}

beforeEach(() => {
  time = new VirtualTime();
  passes = [];
  outcomes = [];
  warned = 0;
  next = async () => {};
});

describe('a loop', () => {
  it('begins at once and passes in its interval', async () => {
    makeLoop().start();
    await time.advance(30_000);
    expect(passes).toEqual([0, 10_000, 20_000, 30_000]);
    expect(outcomes).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('spreads its passes by a quarter of the interval, so that a fleet does not act in step', async () => {
    for (const [float, wait] of [
      [0, 7_500],
      [1, 12_500],
    ] as const) {
      time = new VirtualTime();
      passes = [];
      makeLoop({ random: { ...middle, float: () => float } }).start();
      await time.advance(wait);
      expect(passes).toEqual([0, wait]);
    }
  });

  it('asks for its interval before each wait', async () => {
    let interval = 1_000;
    makeLoop({ interval: () => interval }).start();
    await time.advance(1_500);
    interval = 60_000;
    await time.advance(2_000);
    expect(passes).toEqual([0, 1_000, 2_000]);
  });

  it('counts its interval from the end of a pass, and never has two at a time', async () => {
    let running = 0;
    next = async () => {
      expect(++running).toBe(1);
      await new Promise<void>((resolve) => void time.after(25_000, resolve));
      running--;
    };
    const loop = makeLoop();
    loop.start();
    await time.advance(70_000);
    expect(passes).toEqual([0, 35_000, 70_000]);
    expect(loop.lastEndedAt).toBe(60_000);
  });

  it('can be woken, which begins the wait anew', async () => {
    const loop = makeLoop();
    loop.start();
    await time.advance(4_000);
    loop.wake();
    await time.advance(10_000);
    expect(passes).toEqual([0, 4_000, 14_000]);
  });

  it('that is woken during a pass makes one more right after it, however often it was woken', async () => {
    next = () => new Promise<void>((resolve) => void time.after(1_000, resolve));
    const loop = makeLoop();
    loop.start();
    await time.advance(500);
    loop.wake();
    loop.wake();
    await time.advance(10_000);
    expect(passes).toEqual([0, 1_000]);
    await time.advance(2_000);
    expect(passes).toEqual([0, 1_000, 12_000]);
  });
});

describe('a loop whose passes fail', () => {
  it('waits longer and longer, up to a minute, and is quick again after a success', async () => {
    next = failing;
    const loop = makeLoop({ interval: () => 100 });
    loop.start();
    await time.advance(400_000);
    const waits = passes.slice(1).map((at, index) => at - (passes[index] ?? 0));
    expect(waits.slice(0, 7)).toEqual([625, 1_250, 2_500, 5_000, 10_000, 20_000, 37_500]);
    expect(new Set(waits.slice(7))).toEqual(new Set([37_500]));
    expect(loop.failures).toBe(passes.length);
    next = async () => {};
    await time.advance(37_500);
    expect(loop.failures).toBe(0);
    const before = passes.length;
    await time.advance(1_000);
    expect(passes.length).toBeGreaterThanOrEqual(before + 9);
  });

  it('never comes back sooner than it would have come anyway', async () => {
    next = failing;
    makeLoop().start();
    await time.advance(7_499);
    expect(passes).toEqual([0]);
    await time.advance(1);
    expect(passes).toEqual([0, 7_500]);
  });

  it('stays away for as long as it was asked to, and a little longer by chance', async () => {
    next = failing;
    makeLoop({ retryAfter: () => 40_000 }).start();
    await time.advance(49_999);
    expect(passes).toEqual([0]);
    await time.advance(1);
    expect(passes).toEqual([0, 50_000]);
  });

  it('is not woken while the other side wants to be left alone', async () => {
    next = failing;
    const loop = makeLoop();
    loop.start();
    await time.advance(1_000);
    loop.wake();
    await time.advance(1_000);
    expect(passes).toEqual([0]);
  });

  it('that was woken during the pass that failed waits all the same', async () => {
    next = () => new Promise((_resolve, reject) => void time.after(1_000, () => reject(new Error('slow'))));
    const loop = makeLoop();
    loop.start();
    await time.advance(500);
    loop.wake();
    await time.advance(5_000);
    expect(passes).toEqual([0]);
  });

  it('warns once, and then with every tenth failure', async () => {
    next = failing;
    makeLoop({ interval: () => 100 }).start();
    while (passes.length < 9) await time.advance(1_000);
    expect(warned).toBe(1);
    while (passes.length < 20) await time.advance(1_000);
    expect(warned).toBe(3);
  });

  it('tells what became of each pass', async () => {
    next = failing;
    makeLoop().start();
    await time.advance(0);
    expect(outcomes).toEqual([new Error('unreachable')]);
  });
});

describe('a loop that is stopped', () => {
  it('begins no pass any more, woken or not', async () => {
    const loop = makeLoop();
    loop.start();
    await time.advance(1);
    await loop.stop(new Error('stopping'));
    loop.wake();
    await time.advance(60_000);
    expect(passes).toEqual([0]);
  });

  it('tells the running pass why, and waits for its end', async () => {
    const events: string[] = [];
    next = (signal) =>
      new Promise<void>((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          events.push(String(signal.reason));
          void time.after(1_000, () => reject(new Error('ended')));
        });
      });
    const loop = makeLoop();
    loop.start();
    const stopped = loop.stop(new Error('stopping')).then(() => events.push('stopped'));
    await time.advance(999);
    expect(events).toEqual(['Error: stopping']);
    await time.advance(60_000);
    await stopped;
    expect(events).toEqual(['Error: stopping', 'stopped']);
    expect([passes, outcomes, loop.failures]).toEqual([[0], [], 0]);
  });

  it('does not wait for another turn after a pass that ended well', async () => {
    next = () => new Promise<void>((resolve) => void time.after(1_000, resolve));
    const loop = makeLoop();
    loop.start();
    const stopped = loop.stop(new Error('stopping'));
    await time.advance(60_000);
    await stopped;
    expect(passes).toEqual([0]);
  });
});
