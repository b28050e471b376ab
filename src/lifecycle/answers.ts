import type { LockAnswer, ReportAnswer } from '../platform/api.ts';
import type { ContractEvent, ContractRecord } from './record.ts';
import type { Step } from './steps.ts';

/**
 * What the platform's answers mean for a contract. Pure; the counterpart of `decide`.
 *
 * Two facts carry it: reports do not look at locks, and nobody but the holder of the lock reports. So while we hold the lock,
 * "already delivered" can only be the echo of our own report; without it, it is somebody else's.
 */
export function afterClaim(record: ContractRecord, answer: LockAnswer): ContractEvent[] {
  switch (answer.state) {
    case 'held':
      return [{ type: 'done', step: 'claim' }];
    case 'taken':
      if (record.delivered)
        return [notOurs('another agent of the pool works on it'), stays('the lock is held by another agent')];
      // Our report is on its way, and reports do not look at locks: what the platform says to it decides.
      if (record.running?.step === 'deliver') return [notOurs('the lock is held by another agent')];
      return [notOurs('the lock is held by another agent'), lost('another agent of the pool has taken it')];
    case 'not-lockable':
      return afterStatus(record, 'claim', answer.status);
    case 'unpaid':
      return settledOrRetry(record, `the payment is ${answer.payment}`);
    case 'not-found':
      return settledOrRetry(record, 'the platform does not know the contract');
  }
}

export function afterAnnounce(record: ContractRecord, answer: ReportAnswer): ContractEvent[] {
  if (answer.outcome === 'done') return [{ type: 'done', step: 'announce' }];
  if ('status' in answer) {
    return answer.status === 'provisioning'
      ? [{ type: 'done', step: 'announce', note: 'the platform had it already' }]
      : afterStatus(record, 'announce', answer.status);
  }
  return [refusal('announce', answer)];
}

export function afterDeliver(record: ContractRecord, answer: ReportAnswer): ContractEvent[] {
  if (answer.outcome === 'done') return [{ type: 'done', step: 'deliver' }];
  if ('status' in answer) {
    if (DELIVERED.has(answer.status)) return [{ type: 'done', step: 'deliver', note: 'an earlier report had arrived' }];
    if (answer.status === 'accepted') {
      return [
        {
          type: 'failed',
          step: 'deliver',
          kind: 'retry',
          text: 'the platform is back at accepted',
          nothingHappened: true,
        },
        { type: 'unannounced', why: 'the platform is back at accepted' },
      ];
    }
    return afterStatus(record, 'deliver', answer.status);
  }
  return [refusal('deliver', answer)];
}

/** The answer to a failure report proves nothing; the probe with the lock call afterwards does. */
export function afterFail(probe: LockAnswer): ContractEvent[] {
  if (probe.state === 'held') {
    return [{ type: 'failed', step: 'fail', kind: 'retry', text: 'the platform still waits for this contract' }];
  }
  return [{ type: 'done', step: 'fail' }];
}

export function afterTerminate(answer: ReportAnswer): ContractEvent[] {
  if (answer.outcome === 'done') return [{ type: 'done', step: 'terminate' }];
  const words = 'text' in answer ? answer.text : answer.outcome;
  return [{ type: 'done', step: 'terminate', note: `the platform did not want it: ${words}` }];
}

const DELIVERED: ReadonlySet<string> = new Set(['provisioned', 'active', 'paused']);
const ENDED: ReadonlySet<string> = new Set(['rejected', 'expired', 'provisioningfailed', 'provisioning_failed']);
const CANCELLED: ReadonlySet<string> = new Set(['cancelled', 'canceled']);

function afterStatus(record: ContractRecord, step: Step, status: string): ContractEvent[] {
  // A machine that somebody uses is ended by what reconcile says, which knows about mass action; never in passing.
  if (record.delivered && !DELIVERED.has(status))
    return [notOurs(`the contract is ${status}`), stays(`the platform says ${status}`)];
  if (CANCELLED.has(status)) {
    return [
      notOurs(`the contract is ${status}`),
      { type: 'goal', goal: 'remove', reason: 'cancelled', why: 'cancelled by the tenant' },
    ];
  }
  if (ENDED.has(status)) {
    const settled: ContractEvent[] =
      record.reason === 'failed' ? [{ type: 'done', step: 'fail', note: `the platform says ${status}` }] : [];
    return [
      notOurs(`the contract is ${status}`),
      ...settled,
      { type: 'goal', goal: 'remove', reason: 'dead', why: `the platform says ${status}` },
    ];
  }
  if (DELIVERED.has(status)) {
    if (record.maybeDelivered && record.goal === 'deliver') {
      return [{ type: 'done', step: 'deliver', note: `the platform says ${status}: an earlier report had arrived` }];
    }
    // Our own delivery, seen by a call that began before it was known here.
    if (record.delivered) return [notOurs(`the contract is ${status}`)];
    return [notOurs(`the contract is ${status}`), lost('another agent has delivered it')];
  }
  return [{ type: 'failed', step, kind: 'retry', text: `the platform says ${status}`, nothingHappened: true }];
}

/** In the middle of the work this may be a platform restored from a backup: wait. With nothing made, or at the end: leave it. */
function settledOrRetry(record: ContractRecord, text: string): ContractEvent[] {
  if (record.machine === 'none' || record.goal === 'remove') {
    return [notOurs(text), { type: 'goal', goal: 'remove', reason: 'dead', why: text }];
  }
  return [{ type: 'failed', step: 'claim', kind: 'config', text, nothingHappened: true }];
}

function notOurs(note: string): ContractEvent {
  return { type: 'done', step: 'release', note };
}

function stays(why: string): ContractEvent {
  return { type: 'goal', goal: 'keep', why };
}

function lost(why: string): ContractEvent {
  return { type: 'goal', goal: 'remove', reason: 'lost', why };
}

function refusal(step: Step, answer: ReportAnswer): ContractEvent {
  const text = 'text' in answer ? answer.text : 'the platform does not know the contract';
  return { type: 'failed', step, kind: 'config', text: `refused: ${text}`, nothingHappened: true };
}
