import { describe, expect, it } from 'vitest';
import { andThen, done, goal, told, upTo } from './fixtures.ts';
import { defaultPolicy } from './policy.ts';
import { owedReports, phaseOf } from './view.ts';

const kept = told(...upTo('release'));
const cancelled = andThen(kept, goal('remove', 'cancelled'));
const failing = told(...upTo('create'), goal('remove', 'failed'));

describe('a record in one word', () => {
  it.each([
    ['making', told()],
    ['making', told(...upTo('announce'))],
    ['verifying', told(...upTo('create'))],
    ['running', kept],
    ['paused', andThen(kept, goal('stop'))],
    ['removing', cancelled],
    ['closed', andThen(cancelled, { type: 'closed', why: 'removed' })],
  ])('is %s', (phase, record) => {
    expect(phaseOf(record)).toBe(phase);
  });
});

describe('what the platform is owed', () => {
  it.each([
    ['nothing while the machine is made', 0, told(...upTo('create'))],
    ['the delivery of a machine that is ready', 1, told(...upTo('verify'))],
    ['nothing for a machine that it knows', 0, kept],
    ['the delivery once only', 0, andThen(told(...upTo('verify'), goal('keep')), done('deliver'))],
    ['nothing that it has forgotten before it is announced again and delivered', 0, andThen(kept, goal('deliver'))],
    ['the password', 1, andThen(kept, done('create', { sealedPassword: 'sealed' }))],
    [
      'no password of a machine that goes',
      0,
      andThen(andThen(kept, done('create', { sealedPassword: 'sealed' })), goal('remove', 'expired')),
    ],
    ['the failure', 1, failing],
    ['no failure that it has', 0, andThen(failing, done('fail'))],
    ['no failure for a reason that it knows', 0, told(goal('remove', 'dead'))],
    ['nothing while a cancelled machine is still there', 0, cancelled],
    ['the word that it is gone', 1, andThen(cancelled, done('destroy'))],
    ['the word that there never was one', 1, told(goal('remove', 'cancelled'))],
    ['no word that it has', 0, andThen(andThen(cancelled, done('destroy')), done('terminate'))],
    ['no word about one that expired', 0, andThen(andThen(kept, goal('remove', 'expired')), done('destroy'))],
    ['nothing for a failed contract that is kept', 0, andThen(failing, goal('keep'))],
    ['nothing for a cancelled contract that is kept', 0, andThen(andThen(cancelled, done('destroy')), goal('keep'))],
  ])('is %s', (_what, owed, record) => {
    expect(owedReports(record)).toBe(owed);
  });
});

describe('the policy', () => {
  it('gives up before the platform does, whose own limit is an hour', () => {
    expect(defaultPolicy.deliverWithinMs).toBe(3_300_000);
  });

  it('renews a lock of 300 s well before its margin', () => {
    expect(defaultPolicy.renewLockBelowMs).toBe(180_000);
    expect(defaultPolicy.lockMarginMs).toBe(45_000);
  });

  it('allows five ends or a fifth of the machines in ten minutes, and believes more after ten', () => {
    expect(defaultPolicy.breaker).toEqual({ maxCount: 5, maxShare: 0.2, windowMs: 600_000, holdMs: 600_000 });
  });

  it('waits an hour with what the platform has forgotten, and ten minutes for a login', () => {
    expect(defaultPolicy.orphanGraceMs).toBe(3_600_000);
    expect(defaultPolicy.readyWithinMs).toBe(600_000);
  });
});
