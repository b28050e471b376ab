import { describe, expect, it } from 'vitest';
import type { LockAnswer, ReportAnswer } from '../platform/api.ts';
import { afterAnnounce, afterClaim, afterDeliver, afterFail, afterTerminate } from './answers.ts';
import { andThen, done, goal, intent, NOW, told, upTo } from './fixtures.ts';
import type { ContractEvent, ContractRecord, RemoveReason } from './record.ts';
import type { Step } from './steps.ts';

const fresh = told();
const making = told(...upTo('announce'), intent('create'));
const reporting = told(...upTo('verify'), intent('deliver'));
const delivered = told(...upTo('release'));
const redelivering = told(...upTo('release'), { type: 'unannounced', why: 'restored' }, goal('deliver'));
const failing = told(...upTo('create'), goal('remove', 'failed'));
const leaving = told(...upTo('verify'), intent('deliver'), goal('remove', 'cancelled'));

const released = (note: string): ContractEvent => ({ type: 'done', step: 'release', note });
const removal = (reason: RemoveReason, why: string): ContractEvent => ({ type: 'goal', goal: 'remove', reason, why });
const stays = (why: string): ContractEvent => ({ type: 'goal', goal: 'keep', why });
const again = (step: Step, text: string): ContractEvent => ({
  type: 'failed',
  step,
  kind: 'retry',
  text,
  nothingHappened: true,
});
const stuck = (step: Step, text: string): ContractEvent => ({
  type: 'failed',
  step,
  kind: 'config',
  text,
  nothingHappened: true,
});
const notLockable = (status: string): LockAnswer => ({ state: 'not-lockable', status });

interface Row<Answer> {
  readonly when: string;
  readonly record: ContractRecord;
  readonly answer: Answer;
  readonly means: readonly ContractEvent[];
}

const ENDED = ['rejected', 'expired', 'provisioningfailed', 'provisioning_failed'];
const HANDED_OVER = ['provisioned', 'active', 'paused'];

describe('the answer to a claim', () => {
  const rows: Row<LockAnswer>[] = [
    {
      when: 'it is ours',
      record: fresh,
      answer: { state: 'held', expiresAt: NOW },
      means: [{ type: 'done', step: 'claim' }],
    },
    {
      when: 'a pool mate was faster',
      record: fresh,
      answer: { state: 'taken' },
      means: [released('the lock is held by another agent'), removal('lost', 'another agent of the pool has taken it')],
    },
    {
      when: 'a pool mate was faster, and our report is on its way all the same',
      record: reporting,
      answer: { state: 'taken' },
      means: [released('the lock is held by another agent')],
    },
    {
      when: 'a pool mate works on what we handed over',
      record: redelivering,
      answer: { state: 'taken' },
      means: [released('another agent of the pool works on it'), stays('the lock is held by another agent')],
    },
    {
      when: 'it is not paid and nothing was made',
      record: fresh,
      answer: { state: 'unpaid', payment: 'pending' },
      means: [released('the payment is pending'), removal('dead', 'the payment is pending')],
    },
    {
      when: 'it is not paid and something may have been made: the platform may be back at an older day',
      record: making,
      answer: { state: 'unpaid', payment: 'pending' },
      means: [stuck('claim', 'the payment is pending')],
    },
    {
      when: 'it is not known and nothing was made',
      record: fresh,
      answer: { state: 'not-found' },
      means: [
        released('the platform does not know the contract'),
        removal('dead', 'the platform does not know the contract'),
      ],
    },
    {
      when: 'it is not known and something may have been made',
      record: making,
      answer: { state: 'not-found' },
      means: [stuck('claim', 'the platform does not know the contract')],
    },
    {
      when: 'it is not known and we are about to leave it anyway',
      record: failing,
      answer: { state: 'not-found' },
      means: [
        released('the platform does not know the contract'),
        removal('dead', 'the platform does not know the contract'),
      ],
    },
    {
      when: 'its status is one that nobody has heard of',
      record: making,
      answer: notLockable('hibernating'),
      means: [again('claim', 'the platform says hibernating')],
    },
    ...['cancelled', 'canceled'].map((status) => ({
      when: `it is ${status}`,
      record: making,
      answer: notLockable(status),
      means: [released(`the contract is ${status}`), removal('cancelled', 'cancelled by the tenant')],
    })),
    ...ENDED.map((status) => ({
      when: `it is ${status}`,
      record: making,
      answer: notLockable(status),
      means: [released(`the contract is ${status}`), removal('dead', `the platform says ${status}`)],
    })),
    {
      when: 'it has failed, as we reported',
      record: failing,
      answer: notLockable('provisioning_failed'),
      means: [
        released('the contract is provisioning_failed'),
        { type: 'done', step: 'fail', note: 'the platform says provisioning_failed' },
        removal('dead', 'the platform says provisioning_failed'),
      ],
    },
    ...HANDED_OVER.map((status) => ({
      when: `it is ${status}, and not by us`,
      record: making,
      answer: notLockable(status),
      means: [released(`the contract is ${status}`), removal('lost', 'another agent has delivered it')],
    })),
    ...HANDED_OVER.map((status) => ({
      when: `it is ${status}, perhaps by a report of ours that had no answer`,
      record: reporting,
      answer: notLockable(status),
      means: [
        { type: 'done', step: 'deliver', note: `the platform says ${status}: an earlier report had arrived` } as const,
      ],
    })),
    {
      when: 'it is active, perhaps by us, and it is being removed',
      record: leaving,
      answer: notLockable('active'),
      means: [released('the contract is active'), removal('lost', 'another agent has delivered it')],
    },
    {
      when: 'what we handed over is cancelled: reconcile ends it, never a claim',
      record: delivered,
      answer: notLockable('cancelled'),
      means: [released('the contract is cancelled'), stays('the platform says cancelled')],
    },
    {
      when: 'what we handed over has expired: reconcile ends it, never a claim',
      record: redelivering,
      answer: notLockable('expired'),
      means: [released('the contract is expired'), stays('the platform says expired')],
    },
    {
      when: 'what we handed over, and announce again, is active',
      record: redelivering,
      answer: notLockable('active'),
      means: [{ type: 'done', step: 'deliver', note: 'the platform says active: an earlier report had arrived' }],
    },
  ];
  it.each(rows)('when $when', ({ record, answer, means }) => {
    expect(afterClaim(record, answer)).toEqual(means);
  });
});

describe('the answer to an announcement', () => {
  const rows: Row<ReportAnswer>[] = [
    { when: 'it arrived', record: fresh, answer: { outcome: 'done' }, means: [{ type: 'done', step: 'announce' }] },
    {
      when: 'it had arrived before',
      record: fresh,
      answer: { outcome: 'already', status: 'provisioning' },
      means: [{ type: 'done', step: 'announce', note: 'the platform had it already' }],
    },
    {
      when: 'somebody else is further',
      record: fresh,
      answer: { outcome: 'already', status: 'active' },
      means: [released('the contract is active'), removal('lost', 'another agent has delivered it')],
    },
    {
      when: 'the contract is dead',
      record: fresh,
      answer: { outcome: 'dead', status: 'cancelled' },
      means: [released('the contract is cancelled'), removal('cancelled', 'cancelled by the tenant')],
    },
    {
      when: 'it comes too early',
      record: fresh,
      answer: { outcome: 'out-of-order', status: 'requested' },
      means: [again('announce', 'the platform says requested')],
    },
    {
      when: 'the contract is not known',
      record: fresh,
      answer: { outcome: 'not-found' },
      means: [stuck('announce', 'refused: the platform does not know the contract')],
    },
    {
      when: 'it is refused',
      record: fresh,
      answer: { outcome: 'refused', text: 'no permission' },
      means: [stuck('announce', 'refused: no permission')],
    },
  ];
  it.each(rows)('when $when', ({ record, answer, means }) => {
    expect(afterAnnounce(record, answer)).toEqual(means);
  });
});

describe('the answer to a delivery', () => {
  const rows: Row<ReportAnswer>[] = [
    { when: 'it arrived', record: reporting, answer: { outcome: 'done' }, means: [{ type: 'done', step: 'deliver' }] },
    ...HANDED_OVER.map((status) => ({
      when: `it is ${status} already: with the lock in our hand that is the echo of our own report`,
      record: reporting,
      answer: { outcome: 'already', status } as const,
      means: [{ type: 'done', step: 'deliver', note: 'an earlier report had arrived' } as const],
    })),
    {
      when: 'the platform is back at an older day',
      record: reporting,
      answer: { outcome: 'out-of-order', status: 'accepted' },
      means: [
        again('deliver', 'the platform is back at accepted'),
        { type: 'unannounced', why: 'the platform is back at accepted' },
      ],
    },
    {
      when: 'the contract was cancelled meanwhile',
      record: reporting,
      answer: { outcome: 'dead', status: 'cancelled' },
      means: [released('the contract is cancelled'), removal('cancelled', 'cancelled by the tenant')],
    },
    {
      when: 'the contract failed meanwhile',
      record: reporting,
      answer: { outcome: 'dead', status: 'provisioningfailed' },
      means: [released('the contract is provisioningfailed'), removal('dead', 'the platform says provisioningfailed')],
    },
    {
      when: 'its status is one that nobody has heard of',
      record: reporting,
      answer: { outcome: 'out-of-order', status: 'frozen' },
      means: [again('deliver', 'the platform says frozen')],
    },
    {
      when: 'the contract is not known',
      record: reporting,
      answer: { outcome: 'not-found' },
      means: [stuck('deliver', 'refused: the platform does not know the contract')],
    },
    {
      when: 'it is refused',
      record: reporting,
      answer: { outcome: 'refused', text: 'details are too long' },
      means: [stuck('deliver', 'refused: details are too long')],
    },
  ];
  it.each(rows)('when $when', ({ record, answer, means }) => {
    expect(afterDeliver(record, answer)).toEqual(means);
  });

  it('leaves a report that certainly did nothing undone, and announces again', () => {
    const events = afterDeliver(reporting, { outcome: 'out-of-order', status: 'accepted' });
    const record = events.reduce((before, event) => andThen(before, event), reporting);
    expect(record).toMatchObject({ announced: false, maybeDelivered: false, delivered: false });
  });
});

describe('the answer to a failure report', () => {
  it('is not believed while the lock can still be had', () => {
    expect(afterFail({ state: 'held', expiresAt: NOW })).toEqual([
      { type: 'failed', step: 'fail', kind: 'retry', text: 'the platform still waits for this contract' },
    ]);
  });

  it.each<LockAnswer>([
    { state: 'taken' },
    notLockable('provisioning_failed'),
    { state: 'unpaid', payment: 'refunded' },
    { state: 'not-found' },
  ])('is proven by a lock that is $state', (probe) => {
    expect(afterFail(probe)).toEqual([done('fail')]);
  });
});

describe('the answer to the word that a machine is gone', () => {
  it.each<[ReportAnswer, string | undefined]>([
    [{ outcome: 'done' }, undefined],
    [{ outcome: 'already', status: 'cancelled' }, 'the platform did not want it: already'],
    [{ outcome: 'not-found' }, 'the platform did not want it: not-found'],
    [{ outcome: 'refused', text: 'not cancelled' }, 'the platform did not want it: not cancelled'],
  ])('is that it was said: %o', (answer, note) => {
    expect(afterTerminate(answer)).toEqual([done('terminate', note === undefined ? {} : { note })]);
  });
});

describe('a lock call that was on its way while the delivery was confirmed', () => {
  it.each(['provisioned', 'active', 'paused'])(
    'leaves what was handed over alone when the platform says %s',
    (status) => {
      expect(afterClaim(delivered, notLockable(status))).toEqual([released(`the contract is ${status}`)]);
    },
  );
});
