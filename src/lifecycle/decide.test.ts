import { describe, expect, it } from 'vitest';
import { type Decision, decide, mayGoOn, type World } from './decide.ts';
import {
  admission,
  andThen,
  CALM,
  CONTRACT,
  DEADLINE,
  did,
  done,
  failed,
  goal,
  HOUR,
  intent,
  MACHINE,
  NOW,
  ORDER,
  told,
  toldAt,
  upTo,
} from './fixtures.ts';
import { defaultPolicy } from './policy.ts';
import type { ContractRecord } from './record.ts';
import { dueAt, startDueAt } from './retry.ts';

interface Row {
  readonly when: string;
  readonly record: ContractRecord;
  readonly world?: Partial<World>;
  /** We do not hold the lock, as far as we know. */
  readonly unlocked?: true;
  readonly now?: number;
  readonly expected: Decision;
}

function step(name: Extract<Decision, { kind: 'step' }>['step'], why: string): Decision {
  return { kind: 'step', step: name, why };
}

function wait(why: string, until?: number): Decision {
  return { kind: 'wait', why, ...(until === undefined ? {} : { until }) };
}

const CLAIM = step('claim', 'the lock must be held while we work on it');
const ANNOUNCE = step('announce', 'the platform is told that work has begun');
const CREATE = step('create', 'the machine is to be made');
const START = step('start', 'it should run, and is off');
const VERIFY = step('verify', 'a login must be seen to work before anybody is told');
const DELIVER = step('deliver', 'the machine is ready');
const RUNS = wait('the contract runs');
const RELEASE = step('release', 'delivered: the lock is of no more use');
const ASK_AGAIN = wait('somebody uses the machine, so the platform is asked once more before it is touched');
const TOO_LATE: Decision = {
  kind: 'goal',
  goal: 'remove',
  reason: 'failed',
  why: 'not ready within 55 minutes',
  publicReason: 'The machine could not be made in time.',
};

const fresh = told();
const made = told(...upTo('create'));
const verified = told(...upTo('verify'));
const kept = told(...upTo('release'));
const NO_LOGIN = { can: { stop: true, start: true, needsLogin: false } };
const CANNOT_STOP = { can: { stop: false, start: true, needsLogin: true } };
const CANNOT_START = { can: { stop: true, start: false, needsLogin: true } };
const margin = defaultPolicy.lockMarginMs;

/** Off again, `count` times within the hour. */
function wentOff(count: number): ContractRecord {
  return Array.from({ length: count }).reduce<ContractRecord>((record) => andThen(record, done('start')), kept);
}

const offInTheMaking = Array.from({ length: 3 }).reduce<ContractRecord>(
  (record) => andThen(record, done('start')),
  made,
);
const DELIVERING: Row[] = [
  {
    when: 'the machine keeps going off before anybody had it',
    record: offInTheMaking,
    world: { power: 'stopped' },
    expected: wait('it keeps going off: it is started again later', startDueAt(offInTheMaking, NOW)),
  },
  {
    when: 'nothing was done and the lock is not held',
    record: fresh,
    unlocked: true,
    expected: CLAIM,
  },
  { when: 'the lock ran into its margin', record: verified, world: { lockLeftMs: margin }, expected: CLAIM },
  {
    when: 'the lock lasts a little longer than its margin',
    record: told(...upTo('claim')),
    world: { lockLeftMs: margin + 1 },
    expected: ANNOUNCE,
  },
  { when: 'the platform was told', record: told(...upTo('announce')), expected: CREATE },
  { when: 'a create was cut off', record: told(...upTo('announce'), intent('create')), expected: CREATE },
  { when: 'the machine is made', record: made, expected: VERIFY },
  { when: 'a login was seen', record: verified, expected: DELIVER },
  { when: 'the backend has no logins', record: made, world: NO_LOGIN, expected: DELIVER },
  {
    when: 'the machine vanished before anybody had it',
    record: verified,
    world: { power: 'absent' },
    expected: CREATE,
  },
  { when: 'the machine is in between two states', record: verified, world: { power: 'transition' }, expected: DELIVER },
  { when: 'the machine is off before anybody had it', record: made, world: { power: 'stopped' }, expected: START },
  {
    when: 'the machine is off and cannot be started',
    record: made,
    world: { ...CANNOT_START, power: 'stopped' },
    expected: VERIFY,
  },
  {
    when: 'the platform forgot a machine that was handed over',
    record: told(...upTo('release'), { type: 'unannounced', why: 'restored' }, goal('deliver')),
    world: { power: 'absent' },
    expected: ANNOUNCE,
  },
  {
    when: 'it was announced again, and the machine is there',
    record: told(...upTo('release'), { type: 'unannounced', why: 'restored' }, goal('deliver'), ...did('announce')),
    world: { power: 'running' },
    expected: DELIVER,
  },
  {
    when: 'it was announced again, and its machine is gone: nobody is told of a machine that is not there',
    record: told(...upTo('release'), { type: 'unannounced', why: 'restored' }, goal('deliver'), ...did('announce')),
    world: { power: 'absent' },
    expected: CREATE,
  },
];

const GIVING_UP: Row[] = [
  {
    when: 'the order can never be met',
    record: toldAt(NOW, admission({ ...ORDER, problem: 'The SSH key cannot be used.' })),
    expected: {
      kind: 'goal',
      goal: 'remove',
      reason: 'failed',
      why: 'The SSH key cannot be used.',
      publicReason: 'The SSH key cannot be used.',
    },
  },
  {
    when: 'the backend can never make it',
    record: told(
      ...upTo('announce'),
      intent('create'),
      failed('create', 'permanent', { publicText: 'No such image.' }),
    ),
    expected: {
      kind: 'goal',
      goal: 'remove',
      reason: 'failed',
      why: 'create went wrong',
      publicReason: 'No such image.',
    },
  },
  {
    when: 'the backend can never make it and has no words for the tenant',
    record: told(...upTo('announce'), intent('create'), failed('create', 'permanent')),
    expected: {
      kind: 'goal',
      goal: 'remove',
      reason: 'failed',
      why: 'create went wrong',
      publicReason: 'This machine cannot be made as ordered.',
    },
  },
  {
    when: 'the machine never accepted a login',
    record: told(...upTo('create'), intent('verify'), failed('verify', 'permanent', { publicText: 'No login.' })),
    expected: { kind: 'goal', goal: 'remove', reason: 'failed', why: 'verify went wrong', publicReason: 'No login.' },
  },
  {
    when: 'a report was refused for good',
    record: told(...upTo('verify'), intent('deliver'), failed('deliver', 'permanent')),
    now: NOW + HOUR,
    expected: DELIVER,
  },
  {
    when: 'the backend is full',
    record: told(...upTo('announce'), intent('create'), failed('create', 'capacity')),
    expected: {
      kind: 'goal',
      goal: 'remove',
      reason: 'handed-back',
      why: 'the backend has no room; pool mates may take it',
    },
  },
  { when: 'one millisecond is left', record: told(...upTo('announce')), now: DEADLINE - 1, expected: CREATE },
  { when: 'the time is over', record: told(...upTo('announce')), now: DEADLINE, expected: TOO_LATE },
  { when: 'the time is over for a machine without a login', record: made, now: DEADLINE, expected: TOO_LATE },
  { when: 'the time is over and only the report is missing', record: verified, now: DEADLINE, expected: DELIVER },
  {
    when: 'the time is over and only the report is missing, without logins',
    record: made,
    world: NO_LOGIN,
    now: DEADLINE,
    expected: DELIVER,
  },
  {
    when: 'the time is over before it was made, without logins',
    record: fresh,
    world: NO_LOGIN,
    now: DEADLINE,
    expected: TOO_LATE,
  },
  {
    when: 'the time is over by a clock that is wrong',
    record: made,
    world: { clockSuspect: true },
    now: DEADLINE,
    expected: VERIFY,
  },
];

const broken = told(...upTo('announce'), intent('create'), failed('create'));
const RETRYING: Row[] = [
  {
    when: 'a step failed',
    record: broken,
    expected: wait('create failed (create went wrong); it is tried again', dueAt(broken, 'create', NOW)),
  },
  { when: 'its wait is over', record: broken, now: dueAt(broken, 'create', NOW), expected: CREATE },
  {
    when: 'we were stopped in the middle of it',
    record: told(...upTo('announce'), intent('create'), failed('create', 'parked')),
    expected: CREATE,
  },
];

const crashing = wentOff(3);
const credentialDue = told(
  ...upTo('announce'),
  ...did('create', { sealedPassword: 'sealed' }),
  ...did('deliver'),
  ...did('release'),
);
const credentialFailed = andThen(credentialDue, failed('credential'));
const releaseFailed = told(...upTo('deliver'), failed('release'));
const pruneFailed = andThen(kept, failed('prune'));
const KEEPING: Row[] = [
  { when: 'it was just delivered', record: told(...upTo('deliver')), expected: RELEASE },
  { when: 'all is done', record: kept, expected: RUNS },
  { when: 'all is done and a list shows it running', record: kept, world: { power: 'running' }, expected: RUNS },
  { when: 'nobody knows its power', record: kept, world: { power: 'unknown' }, expected: RUNS },
  { when: 'it vanished: what to do then is for people', record: kept, world: { power: 'absent' }, expected: RUNS },
  {
    when: 'the platform lacks the password',
    record: credentialDue,
    expected: step('credential', 'the platform does not have the password yet'),
  },
  {
    when: 'the platform did not take the password',
    record: credentialFailed,
    expected: wait('the contract runs', dueAt(credentialFailed, 'credential', NOW)),
  },
  {
    when: 'the tenant has a new key',
    record: kept,
    world: { power: 'running', asked: { sshKey: 'ssh-ed25519 NEW' } },
    expected: step('rekey', 'the tenant has a new key'),
  },
  {
    when: 'the tenant wants a new password',
    record: kept,
    world: { power: 'running', asked: { password: true } },
    expected: step('reset', 'the tenant asked for a new password'),
  },
  {
    when: 'a reset was begun, and nobody asks for it any more',
    record: andThen(kept, { type: 'password', sealedPassword: 'NEXT' }),
    expected: step('reset', 'the tenant asked for a new password'),
  },
  {
    when: 'the tenant wants both, and the key has just failed',
    record: andThen(kept, failed('rekey')),
    world: { asked: { sshKey: 'ssh-ed25519 NEW', password: true } },
    expected: step('reset', 'the tenant asked for a new password'),
  },
  {
    when: 'the tenant wants another password before the platform has the last one',
    record: credentialFailed,
    world: { asked: { password: true } },
    expected: wait('the contract runs', dueAt(credentialFailed, 'credential', NOW)),
  },
  {
    when: 'the tenant wants a new key, and the machine is off',
    record: kept,
    world: { power: 'stopped', asked: { sshKey: 'ssh-ed25519 NEW' } },
    expected: START,
  },
  {
    when: 'the password waits, and the lock does not',
    record: andThen(andThen(credentialDue, failed('credential')), done('claim')),
    expected: RELEASE,
  },
  {
    when: 'the lock could not be given back',
    record: releaseFailed,
    expected: wait('the contract runs', dueAt(releaseFailed, 'release', NOW)),
  },
  {
    when: 'a second machine turned up',
    record: kept,
    world: { surplus: true },
    expected: step('prune', 'a second machine turned up'),
  },
  {
    when: 'the second machine could not be removed',
    record: pruneFailed,
    world: { surplus: true },
    expected: wait('the contract runs', dueAt(pruneFailed, 'prune', NOW)),
  },
  { when: 'it went off', record: kept, world: { power: 'stopped' }, expected: START },
  {
    when: 'it went off on a backend that cannot start',
    record: kept,
    world: { ...CANNOT_START, power: 'stopped' },
    expected: RUNS,
  },
  { when: 'it was stopped by us and nobody has looked since', record: andThen(kept, done('stop')), expected: START },
  {
    when: 'it was stopped by us and runs all the same',
    record: andThen(kept, done('stop')),
    world: { power: 'running' },
    expected: RUNS,
  },
  {
    when: 'it keeps going off',
    record: crashing,
    world: { power: 'stopped' },
    expected: wait('it keeps going off: it is started again later', startDueAt(crashing, NOW)),
  },
  {
    when: 'it kept going off, a while ago',
    record: crashing,
    world: { power: 'stopped' },
    now: startDueAt(crashing, NOW),
    expected: START,
  },
];

const paused = told(...upTo('release'), goal('stop'));
const stopFailed = andThen(paused, failed('stop'));
const pausedAtOnce = told(...upTo('deliver'), goal('stop'));
const PAUSING: Row[] = [
  {
    when: 'a second machine turned up while it is paused',
    record: paused,
    world: { power: 'stopped', surplus: true },
    expected: step('prune', 'a second machine turned up'),
  },
  {
    when: 'its tenant wants a new key while it is paused',
    record: paused,
    world: { power: 'stopped', asked: { sshKey: 'ssh-ed25519 NEW' } },
    expected: wait('paused by the platform'),
  },
  {
    when: 'it was paused right after it was handed over',
    record: pausedAtOnce,
    world: { power: 'stopped' },
    expected: step('release', 'delivered: the lock is of no more use'),
  },
  {
    when: 'it is to be stopped',
    record: paused,
    world: { platformWants: 'stop' },
    expected: step('stop', 'paused by the platform'),
  },
  { when: 'the platform has not said so lately', record: paused, expected: ASK_AGAIN },
  {
    when: 'the platform wants even more',
    record: paused,
    world: { platformWants: 'remove' },
    expected: step('stop', 'paused by the platform'),
  },
  {
    when: 'it is off by the list',
    record: paused,
    world: { power: 'stopped', platformWants: 'stop' },
    expected: wait('paused by the platform'),
  },
  {
    when: 'it is off by our own step',
    record: andThen(paused, done('stop')),
    world: { platformWants: 'stop' },
    expected: wait('paused by the platform'),
  },
  {
    when: 'it was stopped and runs again',
    record: andThen(paused, done('stop')),
    world: { power: 'running', platformWants: 'stop' },
    expected: step('stop', 'paused by the platform'),
  },
  {
    when: 'it vanished',
    record: paused,
    world: { power: 'absent', platformWants: 'stop' },
    expected: wait('paused by the platform'),
  },
  {
    when: 'the backend cannot stop a machine: it is never removed instead',
    record: paused,
    world: { ...CANNOT_STOP, platformWants: 'stop' },
    expected: wait('paused by the platform, but this backend cannot stop a machine: it keeps running'),
  },
  {
    when: 'stopping failed',
    record: stopFailed,
    world: { platformWants: 'stop' },
    expected: wait('stop failed (stop went wrong); it is tried again', dueAt(stopFailed, 'stop', NOW)),
  },
];

const DESTROY = step('destroy', 'nothing of it may stay');
const TERMINATE = step('terminate', 'the platform is told that the machine is gone');
const FAIL = step('fail', 'the platform is told why there will be no machine');
const CLAIM_TO_FAIL = step('claim', 'only the holder of the lock may report a failure');
const GIVE_BACK = step('release', 'the lock is of no more use');
const cancelled = told(...upTo('release'), goal('remove', 'cancelled'));
const expired = told(...upTo('release'), { type: 'ends', endsAt: NOW + HOUR }, goal('remove', 'expired'));
const failing = told(...upTo('create'), goal('remove', 'failed'));
const bothFailed = andThen(
  andThen(failing, failed('fail', 'retry')),
  failed('destroy', 'retry', { retryAfterMs: 500_000 }),
);

const REMOVING: Row[] = [
  {
    when: 'the tenant cancelled and the platform says so now',
    record: cancelled,
    world: { platformWants: 'remove' },
    expected: DESTROY,
  },
  { when: 'the tenant cancelled and the platform has not said so lately', record: cancelled, expected: ASK_AGAIN },
  {
    when: 'the platform now wants it paused only',
    record: cancelled,
    world: { platformWants: 'stop' },
    expected: ASK_AGAIN,
  },
  { when: 'its time is over by our own record', record: expired, now: NOW + HOUR, expected: DESTROY },
  { when: 'its time is not quite over', record: expired, now: NOW + HOUR - 1, expected: ASK_AGAIN },
  {
    when: 'its time is over by a clock that is wrong',
    record: expired,
    now: NOW + HOUR,
    world: { clockSuspect: true },
    expected: ASK_AGAIN,
  },
  {
    when: 'its time is over, on the word of the platform',
    record: told(...upTo('release'), goal('remove', 'expired')),
    world: { platformWants: 'remove' },
    expected: DESTROY,
  },
  {
    when: 'another agent delivered it: no word is needed',
    record: told(...upTo('release'), goal('remove', 'lost')),
    expected: DESTROY,
  },
  {
    when: 'it was never handed over: no word is needed',
    record: told(...upTo('create'), ...did('release'), goal('remove', 'cancelled')),
    expected: DESTROY,
  },
  {
    when: 'a create was cut off',
    record: told(...upTo('announce'), intent('create'), goal('remove', 'lost')),
    expected: DESTROY,
  },
  { when: 'the machine is gone and was cancelled', record: andThen(cancelled, done('destroy')), expected: TERMINATE },
  {
    when: 'no machine was ever made and it was cancelled',
    record: told(goal('remove', 'cancelled')),
    expected: TERMINATE,
  },
  {
    when: 'the platform knows that it is gone',
    record: andThen(andThen(cancelled, done('destroy')), done('terminate')),
    expected: { kind: 'close', why: 'removed: told to remove' },
  },
  {
    when: 'it expired and is gone',
    record: andThen(expired, done('destroy')),
    expected: { kind: 'close', why: 'removed: told to remove' },
  },
  { when: 'it failed: the report comes before the removal', record: failing, expected: FAIL },
  {
    when: 'it failed and the lock ran into its margin',
    record: failing,
    world: { lockLeftMs: margin },
    expected: CLAIM_TO_FAIL,
  },
  {
    when: 'it failed and the lock lasts a little longer',
    record: failing,
    world: { lockLeftMs: margin + 1 },
    expected: FAIL,
  },
  {
    when: 'it failed and the lock is gone',
    record: failing,
    unlocked: true,
    expected: CLAIM_TO_FAIL,
  },
  {
    when: 'the failure cannot be reported: the removal goes on',
    record: andThen(failing, failed('fail')),
    expected: DESTROY,
  },
  { when: 'the failure is reported', record: andThen(failing, done('fail')), expected: DESTROY },
  {
    when: 'the failure is reported and the machine gone',
    record: andThen(andThen(failing, done('fail')), done('destroy')),
    expected: GIVE_BACK,
  },
  {
    when: 'the failure is not reported but the machine gone: the lock is still needed',
    record: andThen(failing, done('destroy')),
    expected: FAIL,
  },
  {
    when: 'it is handed back before anything was made',
    record: told(...upTo('announce'), goal('remove', 'handed-back')),
    expected: GIVE_BACK,
  },
  {
    when: 'the lock is held and the machine still there',
    record: told(...upTo('create'), goal('remove', 'handed-back')),
    expected: DESTROY,
  },
  {
    when: 'nothing was made and no lock taken',
    record: told(goal('remove', 'dead')),
    expected: { kind: 'close', why: 'removed: told to remove' },
  },
  {
    when: 'everything owed has failed: the earlier of the next tries counts',
    record: bothFailed,
    expected: wait('fail, destroy will be tried again', dueAt(bothFailed, 'fail', NOW)),
  },
];

describe('decide', () => {
  describe.each([
    ['delivering', DELIVERING],
    ['giving up', GIVING_UP],
    ['trying again', RETRYING],
    ['keeping', KEEPING],
    ['pausing', PAUSING],
    ['removing', REMOVING],
  ] as const)('%s', (_topic, rows) => {
    it.each(rows)('$when', ({ record, world, unlocked, now, expected }) => {
      const around: World = unlocked === true ? { can: CALM.can } : CALM;
      expect(decide(record, { ...around, ...world }, defaultPolicy, now ?? NOW)).toEqual(expected);
    });
  });

  it('leaves a closed contract alone', () => {
    const closed = andThen(andThen(cancelled, done('destroy')), { type: 'closed', why: 'removed' });
    expect(decide(closed, { ...CALM, platformWants: 'remove' }, defaultPolicy, NOW)).toEqual(wait('closed'));
  });

  it('waits with a goal that it does not know, which a newer program may have written', () => {
    const odd = { ...kept, goal: JSON.parse('"migrate"') } satisfies ContractRecord;
    expect(decide(odd, CALM, defaultPolicy, NOW)).toEqual(wait('unknown goal migrate'));
  });

  it('names the deadline of the policy that is in force', () => {
    const decision = decide(fresh, CALM, { ...defaultPolicy, deliverWithinMs: 20 * 60_000 }, DEADLINE);
    expect(decision.why).toBe('not ready within 20 minutes');
  });

  it('looks again when the first of several waits is over', () => {
    const record = andThen(andThen(kept, failed('release', 'config')), failed('credential'));
    const first = Math.min(dueAt(record, 'release', NOW), dueAt(record, 'credential', NOW));
    expect(decide(record, CALM, defaultPolicy, NOW)).toEqual(wait('the contract runs', first));
    expect(decide(record, CALM, defaultPolicy, NOW + HOUR)).toEqual(RUNS);
  });

  it.each([
    ['stop', 'stop', 'stop', true],
    ['stop', 'stop', undefined, false],
    ['stop', 'keep', 'stop', false],
    ['destroy', 'remove', 'remove', true],
    ['destroy', 'remove', 'stop', false],
    ['destroy', 'remove', undefined, false],
    ['terminate', 'remove', undefined, true],
    ['start', 'keep', undefined, true],
  ] as const)(
    'a %s that is under way with the goal %s, while the platform wants %s: may go on %s',
    (name, to, wants, on) => {
      const record = andThen(andThen(kept, goal(to, to === 'remove' ? 'cancelled' : undefined)), intent(name));
      const world = { ...CALM, ...(wants === undefined ? {} : { platformWants: wants }) };
      expect(mayGoOn(name, record, world, NOW)).toBe(on);
    },
  );

  it('lets a removal go on without the platform when nobody uses the machine, or the paid time is over', () => {
    const failing = andThen(told(...upTo('create'), goal('remove', 'failed')), intent('destroy'));
    expect(mayGoOn('destroy', failing, CALM, NOW)).toBe(true);
    const ended = andThen(andThen(kept, goal('remove', 'expired')), { type: 'ends', endsAt: NOW });
    expect(mayGoOn('destroy', ended, CALM, NOW)).toBe(true);
    expect(mayGoOn('destroy', ended, { ...CALM, clockSuspect: true }, NOW)).toBe(false);
  });

  it('ends no machine that was handed over once, when a restored platform has it made anew', () => {
    const again = andThen(told(...upTo('release')), goal('deliver'));
    expect(again.delivered).toBe(true);
    for (const record of [
      again,
      andThen(again, failed('verify', 'permanent')),
      { ...again, order: { ...again.order, problem: 'It cannot be read.' } },
    ]) {
      const decision = decide(record, CALM, defaultPolicy, DEADLINE + HOUR);
      expect(decision).not.toMatchObject({ kind: 'goal' });
    }
  });

  it('reads a told machine as told', () => {
    expect(made).toMatchObject({ contract: CONTRACT, machine: 'made', instance: MACHINE, delivered: false });
  });
});
