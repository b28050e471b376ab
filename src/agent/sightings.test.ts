import { beforeEach, describe, expect, it } from 'vitest';
import { contract } from '../ledger/fixtures.ts';
import { admission, did, done, goal, HOUR, intent, MACHINE, NOW, told, toldAt, upTo } from '../lifecycle/fixtures.ts';
import { type ContractEvent, type ContractRecord, defaultPolicy } from '../lifecycle/index.ts';
import type { Reconciliation } from '../platform/api.ts';
import type { ContractId } from '../ports/ids.ts';
import { canBeKept, Sightings } from './sightings.ts';

const { holdMs, maxCount, windowMs } = defaultPolicy.breaker;
/** All told records were handed over then; long enough ago that nothing about them is recent. */
const LATER = NOW + 10 * HOUR;
const LONG_AGO = LATER - windowMs - 1;

type Word = Partial<Pick<Reconciliation, 'pause' | 'terminate'>>;

let sightings: Sightings;
let records: Map<ContractId, ContractRecord>;

beforeEach(() => {
  sightings = new Sightings();
  records = new Map();
});

function answer(word: Word): Reconciliation {
  return { keep: [], terminate: [], unknown: [], pause: [], malformed: 0, ...word };
}

/** Contracts 0 to `count` that were handed over, each with these events. */
function handedOver(count: number, ...events: readonly ContractEvent[]): ContractId[] {
  return Array.from({ length: count }, (_, index) => {
    const id = contract(records.size + index);
    return id;
  }).map((id) => {
    records.set(id, { ...toldAt(LONG_AGO, admission(), ...upTo('release'), ...events), contract: id });
    return id;
  });
}

function terminate(ids: readonly ContractId[], reason = 'cancelled'): Word {
  return { terminate: ids.map((id) => ({ externalId: id, contract: id, reason })) };
}

function pause(ids: readonly ContractId[]): Word {
  return { pause: ids.map((id) => ({ externalId: id, contract: id, reason: 'disputed' })) };
}

function judge(now: number, wall: number | undefined = LATER): ReturnType<Sightings['judge']> {
  return sightings.judge(records, defaultPolicy, now, wall);
}

function acted(now: number, wall: number | undefined = LATER): ContractId[] {
  return judge(now, wall).act.map((one) => one.contract);
}

describe('what the platform wants ended', () => {
  it('is ended when it is little', () => {
    const [one, two] = handedOver(10);
    sightings.take(answer({ ...terminate([one as ContractId]), ...pause([two as ContractId]) }), [], 5);
    expect(judge(5)).toEqual({
      act: [
        { contract: one, doom: { goal: 'remove', reason: 'cancelled', since: 5 }, approved: false },
        { contract: two, doom: { goal: 'stop', reason: 'disputed', since: 5 }, approved: false },
      ],
      held: [],
    });
  });

  it('is held when it is much, until it was said for long enough without a break', () => {
    const all = handedOver(10);
    sightings.take(answer(terminate(all)), [], 0);
    expect(judge(0)).toEqual({ act: [], held: all });
    expect(sightings.held).toEqual(all);
    sightings.take(answer(terminate(all)), [], holdMs - 1);
    expect(acted(holdMs - 1)).toEqual([]);
    sightings.take(answer(terminate(all)), [], holdMs);
    expect(acted(holdMs)).toEqual(all);
    expect(sightings.held).toEqual([]);
  });

  it('begins anew when the platform took it back in between', () => {
    const all = handedOver(10);
    sightings.take(answer(terminate(all)), [], 0);
    sightings.take(answer({}), [], 1_000);
    sightings.take(answer(terminate(all)), [], 2_000);
    expect(acted(holdMs + 1_999)).toEqual([]);
    expect(acted(holdMs + 2_000)).toEqual(all);
  });

  it('begins anew when the platform wants something else', () => {
    const all = handedOver(10);
    sightings.take(answer(pause(all)), [], 0);
    sightings.take(answer(terminate(all)), [], 1_000);
    expect(acted(holdMs)).toEqual([]);
    expect(acted(holdMs + 1_000)).toEqual(all);
  });

  it('is a removal when it is said to be paused and removed at once', () => {
    const [one] = handedOver(1);
    sightings.take(answer({ ...pause([one as ContractId]), ...terminate([one as ContractId]) }), [], 0);
    expect(judge(0).act.map(({ doom }) => doom.goal)).toEqual(['remove']);
  });

  it('is no news where it is under way', () => {
    const leaving = handedOver(1, goal('remove', 'cancelled'), intent('destroy'));
    const paused = handedOver(1, goal('stop'));
    sightings.take(answer({ ...terminate(leaving), ...pause(paused) }), [], 0);
    expect(judge(0)).toEqual({ act: [], held: [] });
    sightings.take(answer(terminate(paused)), [], 0);
    expect(acted(0)).toEqual(paused);
  });

  it('may be taken back to a pause while nothing was done about it', () => {
    const leaving = handedOver(1, goal('remove', 'cancelled'));
    sightings.take(answer(pause(leaving)), [], 0);
    expect(judge(0).act.map(({ doom }) => doom.goal)).toEqual(['stop']);
  });

  it('says nothing of machines that were not handed over, or are closed, or unknown', () => {
    const [making, closed] = [contract(100), contract(101)];
    records.set(making, { ...told(...upTo('verify')), contract: making });
    const ended: ContractEvent[] = [goal('remove', 'cancelled'), done('destroy'), { type: 'closed', why: 'removed' }];
    records.set(closed, { ...toldAt(LONG_AGO, admission(), ...upTo('release'), ...ended), contract: closed });
    sightings.take(answer(terminate([making, closed, contract(102)])), [], 0);
    expect(judge(0)).toEqual({ act: [], held: [] });
  });
});

describe('the breaker', () => {
  it('does not count what our own record of the paid time agrees with', () => {
    const over = handedOver(20, { type: 'ends', endsAt: LATER });
    sightings.take(answer(terminate(over, 'expired')), [], 0);
    expect(acted(0)).toEqual(over);
    expect(judge(0, LATER - 1).held).toEqual(over);
    expect(sightings.judge(records, defaultPolicy, 0, undefined).held).toEqual(over);
  });

  it('counts what is called cancelled, and what has no recorded end', () => {
    const over = handedOver(20, { type: 'ends', endsAt: LATER });
    sightings.take(answer(terminate(over)), [], 0);
    expect(judge(0).held).toEqual(over);
    const endless = handedOver(20);
    sightings.take(answer(terminate(endless, 'expired')), [], 0);
    expect(judge(0).held).toEqual(endless);
  });

  const recently: [string, ContractEvent[]][] = [
    ['removed', [goal('remove', 'cancelled'), intent('destroy')]],
    ['stopped', [goal('stop')]],
    ['removed and closed', [goal('remove', 'cancelled'), done('destroy'), { type: 'closed', why: 'removed' }]],
    ['removed before its time', [{ type: 'ends', endsAt: LATER + 1 }, goal('remove', 'expired')]],
  ];
  it.each(recently)('counts those that were %s within the window', (_how, events) => {
    const [next] = handedOver(20);
    for (let index = 0; index < maxCount; index++) {
      const id = contract(200 + index);
      records.set(id, { ...toldAt(LATER, admission(), ...upTo('release'), ...events), contract: id });
    }
    sightings.take(answer(terminate([next as ContractId])), [], 0);
    expect(judge(0, LATER).held).toEqual([next]);
    expect(judge(0, LATER + windowMs).held).toEqual([next]);
    expect(acted(0, LATER + windowMs + 1)).toEqual([next]);
    expect(sightings.judge(records, defaultPolicy, 0, undefined).held, 'without a clock').toEqual([next]);
  });

  const ordinary: [string, ContractEvent[]][] = [
    ['ended at their time', [{ type: 'ends', endsAt: LATER }, goal('remove', 'expired'), done('destroy')]],
    ['still run', []],
  ];
  it.each(ordinary)('does not count those that %s', (_how, events) => {
    const [next] = handedOver(1);
    for (let index = 0; index < maxCount; index++) {
      const id = contract(200 + index);
      records.set(id, { ...toldAt(LATER, admission(), ...upTo('release'), ...events), contract: id });
    }
    sightings.take(answer(terminate([next as ContractId])), [], 0);
    expect(acted(0)).toEqual([next]);
  });

  it('lets an operator decide, on all that is held or on some', () => {
    const all = handedOver(10);
    sightings.take(answer(terminate(all)), [], 0);
    judge(0);
    expect(sightings.approve([all[3] as string, 'nobody'])).toEqual([all[3]]);
    expect(judge(0)).toMatchObject({ act: [{ contract: all[3], approved: true }] });
    expect(sightings.approve([])).toEqual(all.filter((one) => one !== all[3]));
    expect(acted(0)).toEqual(all);
  });

  it('forgets an approval once the platform wants something else', () => {
    const all = handedOver(10);
    sightings.take(answer(terminate(all)), [], 0);
    judge(0);
    sightings.approve([]);
    sightings.take(answer({}), [], 1);
    sightings.take(answer(terminate(all)), [], 2);
    expect(judge(2).held).toEqual(all);
  });

  it('lets nothing be approved that is not held', () => {
    const all = handedOver(2);
    expect(sightings.approve(all)).toEqual([]);
  });
});

describe('the latest word on a contract', () => {
  it('is what the latest answer wants', () => {
    const [one, two] = [contract(1), contract(2)];
    expect(sightings.wordOn(one, -Infinity)).toBeUndefined();
    sightings.take(answer({ ...terminate([one]), ...pause([two]) }), [], 100);
    expect([sightings.wordOn(one, 0), sightings.wordOn(two, 0), sightings.wordOn(contract(3), 0)]).toEqual([
      'remove',
      'stop',
      undefined,
    ]);
    sightings.take(answer({}), [], 200);
    expect(sightings.wordOn(one, 0)).toBeUndefined();
  });

  it('does not count when it is too old', () => {
    sightings.take(answer(terminate([contract(1)])), [], 100);
    expect(sightings.wordOn(contract(1), 100)).toBe('remove');
    expect(sightings.wordOn(contract(1), 101)).toBeUndefined();
  });
});

describe('contracts that the platform does not know', () => {
  it('are remembered since they were first called so without a break', () => {
    const [one, two] = [contract(1), contract(2)];
    sightings.take(answer({}), [one], 100);
    sightings.take(answer({}), [one, two], 200);
    expect([...sightings.unknown]).toEqual([
      [one, 100],
      [two, 200],
    ]);
    sightings.take(answer({}), [two], 300);
    sightings.take(answer({}), [one, two], 400);
    expect(new Map(sightings.unknown)).toEqual(
      new Map([
        [one, 400],
        [two, 200],
      ]),
    );
  });
});

describe('a doomed machine', () => {
  it.each<[boolean, string, ContractEvent[]]>([
    [true, 'the platform said so and nothing was done', [...upTo('release'), goal('remove', 'cancelled')]],
    [true, 'its time seemed to be over', [...upTo('release'), goal('remove', 'expired')]],
    [
      true,
      'the last thing done was to stop it',
      [...upTo('release'), goal('stop'), ...did('stop'), goal('remove', 'cancelled')],
    ],
    [false, 'its removal is under way', [...upTo('release'), goal('remove', 'cancelled'), intent('destroy')]],
    [false, 'it is gone', [...upTo('release'), goal('remove', 'cancelled'), done('destroy')]],
    [false, 'it was never handed over', [...upTo('verify'), goal('remove', 'cancelled')]],
    [false, 'another agent delivered it', [...upTo('release'), goal('remove', 'lost')]],
    [false, 'it is not doomed', [...upTo('release'), { type: 'instance', instance: MACHINE }]],
  ])('can be kept after all: %s, when %s', (kept, _when, events) => {
    expect(canBeKept(told(...events))).toBe(kept);
  });
});
