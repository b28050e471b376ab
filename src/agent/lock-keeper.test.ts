import { beforeEach, describe, expect, it } from 'vitest';
import { VirtualTime } from '../../test/simulation/virtual-time.ts';
import { CONTRACT, told, upTo } from '../lifecycle/fixtures.ts';
import { type ContractEvent, defaultPolicy } from '../lifecycle/index.ts';
import type { LockAnswer, PlatformApi } from '../platform/api.ts';
import { silentLog } from '../ports/log.ts';
import type { AgentDeps, AgentSettings } from './deps.ts';
import { only } from './fixtures.ts';
import { LockKeeper } from './lock-keeper.ts';

const HELD: LockAnswer = { state: 'held', expiresAt: 0 };

let time: VirtualTime;
let asked: number[];
let signals: (AbortSignal | undefined)[];
let answer: () => Promise<LockAnswer>;
let events: ContractEvent[];
let lapsed: number;
let keeper: LockKeeper;

beforeEach(() => {
  time = new VirtualTime();
  asked = [];
  signals = [];
  events = [];
  lapsed = 0;
  answer = async () => HELD;
  const platform = only<PlatformApi>({
    acquireLock: (contract, signal) => {
      if (contract !== CONTRACT) throw new Error('the lock of another contract');
      asked.push(time.monotonic());
      signals.push(signal);
      return answer();
    },
  });
  keeper = new LockKeeper({
    contract: CONTRACT,
    deps: only<AgentDeps>({ clock: time, platform, settings: only<AgentSettings>({ policy: defaultPolicy }) }),
    log: silentLog,
    record: () => told(...upTo('announce')),
    onEvents: (more) => events.push(...more),
    onLapsed: () => lapsed++,
  });
});

describe('what is left of the lock', () => {
  it('is nothing before it was taken', () => {
    expect(keeper.leftMs).toBeUndefined();
  });

  it('is counted from the moment of asking, since the platform may have answered late', async () => {
    await time.advance(20_000);
    keeper.learnt(HELD, 0);
    expect(keeper.leftMs).toBe(280_000);
    await time.advance(279_999);
    expect(keeper.leftMs).toBe(1);
    await time.advance(1);
    expect(keeper.leftMs).toBeUndefined();
  });

  it.each<LockAnswer>([
    { state: 'taken' },
    { state: 'not-found' },
    { state: 'not-lockable', status: 'active' },
    { state: 'unpaid', payment: 'x' },
  ])('is nothing after it was said to be $state', (other) => {
    keeper.learnt(HELD, 0);
    keeper.learnt(other, 0);
    expect(keeper.leftMs).toBeUndefined();
  });
});

describe('a lock that is watched', () => {
  it('is renewed before less than three minutes of it are left, again and again', async () => {
    keeper.learnt(HELD, 0);
    keeper.watch(true);
    await time.advance(400_000);
    expect(asked).toEqual([120_000, 240_000, 360_000]);
    expect(keeper.leftMs).toBe(260_000);
    expect([events, lapsed]).toEqual([[], 0]);
  });

  it('is renewed at once when less is left', async () => {
    keeper.learnt(HELD, 0);
    await time.advance(200_000);
    keeper.watch(true);
    await time.advance(0);
    expect(asked).toEqual([200_000]);
  });

  it('is not renewed when it is not held', async () => {
    keeper.watch(true);
    await time.advance(600_000);
    expect(asked).toEqual([]);
  });

  it('is not renewed when nobody watches any more', async () => {
    keeper.learnt(HELD, 0);
    keeper.watch(true);
    await time.advance(100_000);
    keeper.watch(false);
    await time.advance(600_000);
    expect(asked).toEqual([]);
    expect(lapsed).toBe(0);
  });

  it('has one timer, however often it is watched', async () => {
    keeper.learnt(HELD, 0);
    keeper.watch(true);
    keeper.watch(true);
    await time.advance(120_000);
    expect(asked).toEqual([120_000]);
  });

  it('is renewed once, however many steps come and go before the answer', async () => {
    let arrive = (_answer: LockAnswer): void => {};
    answer = () => new Promise((resolve) => (arrive = resolve));
    keeper.learnt(HELD, 0);
    keeper.watch(true);
    await time.advance(120_000);
    for (let step = 0; step < 5; step++) {
      keeper.watch(false);
      keeper.watch(true);
      await time.advance(1_000);
    }
    expect(asked).toEqual([120_000]);
    answer = async () => HELD;
    arrive(HELD);
    await time.advance(115_000);
    expect(keeper.leftMs).toBe(300_000);
    await time.advance(120_000);
    expect(asked).toEqual([120_000, 240_000, 360_000]);
  });

  it('is asked for again when the answer to one that an earlier step began was lost', async () => {
    let lose = (_error: Error): void => {};
    answer = () => new Promise((_, reject) => (lose = reject));
    keeper.learnt(HELD, 0);
    keeper.watch(true);
    await time.advance(120_000);
    keeper.watch(false);
    keeper.watch(true);
    answer = async () => HELD;
    lose(new Error('unreachable'));
    await time.advance(5_000);
    expect(asked).toEqual([120_000, 125_000]);
    expect(keeper.leftMs).toBe(300_000);
  });

  it('that was claimed anew is not judged by an older answer', async () => {
    let arrive = (_answer: LockAnswer): void => {};
    answer = () => new Promise((resolve) => (arrive = resolve));
    keeper.learnt(HELD, 0);
    keeper.watch(true);
    await time.advance(120_000);
    keeper.learnt(HELD, 120_500);
    arrive({ state: 'taken' });
    await time.advance(1_000);
    expect(events).toEqual([]);
    expect(keeper.leftMs).toBe(299_500);
    answer = async () => HELD;
    await time.advance(119_500);
    expect(asked).toEqual([120_000, 240_500]);
  });

  it('is asked for again every five seconds while no answer comes, and given up before it runs out', async () => {
    answer = () => Promise.reject(new Error('unreachable'));
    keeper.learnt(HELD, 0);
    keeper.watch(true);
    await time.advance(130_000);
    expect(asked).toEqual([120_000, 125_000, 130_000]);
    await time.advance(120_000);
    expect(lapsed).toBe(0);
    await time.advance(5_000);
    expect(lapsed).toBe(1);
    expect(asked.at(-1)).toBe(255_000);
    expect(keeper.leftMs).toBeUndefined();
    await time.advance(600_000);
    expect([lapsed, asked.at(-1)]).toEqual([1, 255_000]);
  });

  it('recovers when an answer comes in time', async () => {
    answer = () => Promise.reject(new Error('unreachable'));
    keeper.learnt(HELD, 0);
    keeper.watch(true);
    await time.advance(200_000);
    answer = async () => HELD;
    await time.advance(5_000);
    expect(keeper.leftMs).toBe(300_000);
    expect(lapsed).toBe(0);
    await time.advance(120_000);
    expect(asked.at(-1)).toBe(325_000);
  });

  it('that somebody else has is reported for what it means', async () => {
    answer = async () => ({ state: 'taken' });
    keeper.learnt(HELD, 0);
    keeper.watch(true);
    await time.advance(120_000);
    expect(events).toEqual([
      { type: 'done', step: 'release', note: 'the lock is held by another agent' },
      { type: 'goal', goal: 'remove', reason: 'lost', why: 'another agent of the pool has taken it' },
    ]);
    expect(keeper.leftMs).toBeUndefined();
    await time.advance(600_000);
    expect(asked).toEqual([120_000]);
  });

  it.each<[string, () => Promise<LockAnswer>]>([
    ['refused', async () => ({ state: 'taken' })],
    ['broken', () => Promise.reject(new Error('unreachable'))],
  ])('does nothing with a %s answer that comes when nobody watches any more', async (_how, late) => {
    answer = () => new Promise((resolve, reject) => void time.after(10_000, () => void late().then(resolve, reject)));
    keeper.learnt(HELD, 0);
    keeper.watch(true);
    await time.advance(125_000);
    keeper.watch(false);
    await time.advance(600_000);
    expect([events, lapsed, asked]).toEqual([[], 0, [120_000]]);
  });

  it('counts the time of a slow answer', async () => {
    answer = () => new Promise((resolve) => void time.after(30_000, () => resolve(HELD)));
    keeper.learnt(HELD, 0);
    keeper.watch(true);
    await time.advance(150_000);
    expect(keeper.leftMs).toBe(270_000);
  });

  it('is left alone after the end, and the call that runs is ended', async () => {
    answer = () => new Promise(() => {});
    keeper.learnt(HELD, 0);
    keeper.watch(true);
    await time.advance(120_000);
    expect(signals[0]?.aborted).toBe(false);
    keeper.stop();
    expect(signals[0]?.aborted).toBe(true);
    await time.advance(600_000);
    expect([asked, lapsed]).toEqual([[120_000], 0]);
  });
});
