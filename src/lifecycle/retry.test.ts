import { describe, expect, it } from 'vitest';
import type { ContractId } from '../ports/ids.ts';
import { andThen, done, failed, HOUR, NOW, told, upTo } from './fixtures.ts';
import { pace } from './policy.ts';
import type { ContractRecord, FailureKind } from './record.ts';
import { dueAt, startDueAt } from './retry.ts';
import type { Step } from './steps.ts';

const kept = told(...upTo('release'));

function afterFailures(step: Step, count: number, kind: FailureKind = 'retry', retryAfterMs?: number): ContractRecord {
  const event = failed(step, kind, retryAfterMs === undefined ? {} : { retryAfterMs });
  return Array.from({ length: count }).reduce<ContractRecord>((record) => andThen(record, event), kept);
}

const OTHERS = Array.from({ length: 400 }, (_, index) => index.toString(16).padStart(64, '0') as ContractId);

function waitOf(step: Step, count: number, kind?: FailureKind, retryAfterMs?: number): number {
  return dueAt(afterFailures(step, count, kind, retryAfterMs), step, NOW) - NOW;
}

describe('the wait after a failure', () => {
  it('is none for a step that did not fail', () => {
    expect(dueAt(kept, 'create', NOW)).toBe(0);
    expect(dueAt(afterFailures('claim', 1), 'create', NOW)).toBe(0);
  });

  it('is none for a step that we interrupted ourselves', () => {
    expect(dueAt(afterFailures('create', 3, 'parked'), 'create', NOW)).toBe(0);
  });

  it('doubles with each failure up to its longest, and is spread over its second half', () => {
    for (let count = 1; count <= 40; count++) {
      const ceiling = Math.min(60_000, 1_000 * 2 ** (count - 1));
      const wait = waitOf('create', count);
      expect(wait).toBeGreaterThanOrEqual(ceiling / 2);
      expect(wait).toBeLessThan(ceiling);
    }
  });

  it('counts from the failure', () => {
    const record = andThen(kept, failed('create'), NOW - 500);
    expect(dueAt(record, 'create', NOW)).toBe(NOW - 500 + waitOf('create', 1));
  });

  it('is forgotten when the clock has gone back before the failure', () => {
    expect(dueAt(afterFailures('create', 30), 'create', NOW)).toBeGreaterThan(NOW);
    expect(dueAt(afterFailures('create', 30), 'create', NOW - 1)).toBe(0);
  });

  it('is never shorter than the other side asked for, up to ten minutes', () => {
    for (const asked of [20_000, 90_000, 600_000]) {
      expect(waitOf('create', 1, 'throttled', asked)).toBeGreaterThanOrEqual(asked);
      expect(waitOf('create', 1, 'throttled', asked)).toBeLessThan(asked + Math.min(60_000, asked / 2));
    }
    expect(waitOf('create', 1, 'throttled', 86_400_000)).toBe(waitOf('create', 1, 'throttled', 600_000));
    expect(waitOf('create', 1, 'throttled', 1)).toBe(waitOf('create', 1, 'throttled'));
  });

  it.each([
    [20_000, 10_000],
    [300_000, 60_000],
  ])('of %i ms that everybody was told to wait does not end for everybody at the same moment', (asked, most) => {
    const base = afterFailures('create', 1, 'throttled', asked);
    const waits = OTHERS.map((contract) => dueAt({ ...base, contract }, 'create', NOW) - NOW);
    expect(Math.max(...waits)).toBeGreaterThan(asked + 0.9 * most);
    expect(Math.max(...waits)).toBeLessThan(asked + most);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(asked);
    expect(Math.min(...waits)).toBeLessThan(asked + 0.1 * most);
  });

  it('is the same for the same record, whenever it is asked', () => {
    expect(dueAt(afterFailures('create', 5), 'create', NOW + 1)).toBe(
      dueAt(afterFailures('create', 5), 'create', NOW + HOUR),
    );
  });

  it('differs between contracts, so that a fleet does not act in step', () => {
    const base = afterFailures('create', 6);
    const waits = OTHERS.map((contract) => (dueAt({ ...base, contract }, 'create', NOW) - NOW) / 32_000);
    for (let tenth = 5; tenth < 10; tenth++) {
      const share = waits.filter((wait) => Math.floor(wait * 10) === tenth).length / waits.length;
      expect(share).toBeGreaterThan(0.1);
      expect(share).toBeLessThan(0.3);
    }
  });

  it('differs between steps and attempts', () => {
    const shares = [waitOf('create', 7) / 60_000, waitOf('create', 8) / 60_000, waitOf('destroy', 7) / 60_000];
    expect(new Set(shares).size).toBe(3);
  });

  it('differs as much between one attempt and the next, whose names are much alike', () => {
    const [seventh, eighth] = [afterFailures('create', 7), afterFailures('create', 8)];
    const steps = OTHERS.map(
      (contract) => dueAt({ ...seventh, contract }, 'create', NOW) - dueAt({ ...eighth, contract }, 'create', NOW),
    );
    const average = steps.reduce((total, step) => total + Math.abs(step), 0) / steps.length;
    expect(average, 'a third of the 30 s that there are to choose from').toBeGreaterThan(8_000);
  });
});

describe('the pace', () => {
  const BACKEND = { first: 1_000, cap: 60_000 };
  const PLATFORM = { first: 500, cap: 60_000 };
  const OPERATOR = { first: 15_000, cap: 300_000 };

  it.each<[Step, ReturnType<typeof pace>]>([
    ['create', BACKEND],
    ['destroy', BACKEND],
    ['prune', BACKEND],
    ['stop', BACKEND],
    ['rekey', BACKEND],
    ['reset', BACKEND],
    ['verify', BACKEND],
    ['recipe', BACKEND],
    ['withdraw', BACKEND],
    ['claim', PLATFORM],
    ['announce', PLATFORM],
    ['deliver', PLATFORM],
    ['credential', PLATFORM],
    ['release', PLATFORM],
    ['fail', PLATFORM],
    ['terminate', PLATFORM],
    ['start', { first: 5_000, cap: 600_000 }],
  ])('of %s suits the one who answers', (step, expected) => {
    for (const kind of ['retry', 'throttled', 'capacity', 'unknown-outcome'] as const)
      expect(pace(step, kind)).toEqual(expected);
  });

  it.each<FailureKind>(['config', 'not-ours', 'permanent'])('is slow where only a person can help: %s', (kind) => {
    for (const step of ['create', 'deliver', 'start'] as const) expect(pace(step, kind)).toEqual(OPERATOR);
  });
});

describe('a machine that is off', () => {
  function offAgain(count: number): ContractRecord {
    return Array.from({ length: count }).reduce<ContractRecord>((record) => andThen(record, done('start')), kept);
  }

  it.each([
    [0, 0],
    [1, 0],
    [2, 0],
    [3, NOW + 30_000],
    [4, NOW + 60_000],
    [5, NOW + 120_000],
    [7, NOW + 480_000],
    [8, NOW + 600_000],
    [40, NOW + 600_000],
  ])('that was started %i times within the hour is due at once or later', (count, due) => {
    expect(startDueAt(offAgain(count), NOW)).toBe(due);
  });

  it('waits for the longer of its crash loop and its failed start', () => {
    const failing = andThen(offAgain(3), failed('start', 'throttled', { retryAfterMs: 300_000 }));
    expect(startDueAt(failing, NOW)).toBe(dueAt(failing, 'start', NOW));
    expect(startDueAt(failing, NOW)).toBeGreaterThanOrEqual(NOW + 300_000);
    const looping = andThen(offAgain(8), failed('start'));
    expect(startDueAt(looping, NOW)).toBe(NOW + 600_000);
  });

  it('is started at once when the clock has gone back before its last start', () => {
    expect(startDueAt(offAgain(8), NOW - 1)).toBe(0);
  });
});
