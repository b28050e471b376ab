import { describe, expect, it } from 'vitest';
import type { ExternalId, OperationId } from '../ports/ids.ts';
import { apply } from './apply.ts';
import {
  admission,
  andThen,
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
  OPERATION,
  ORDER,
  told,
  toldAt,
  upTo,
} from './fixtures.ts';
import type { ContractEvent, ContractRecord, Credential, FormerRoute, RouteData } from './record.ts';
import type { Step } from './steps.ts';

const fresh = told();
const kept = told(...upTo('release'));

/** What an event changes, without the time line, which every event changes. */
function changes(before: ContractRecord, event: ContractEvent, at = NOW): Partial<ContractRecord> {
  const after = andThen(before, event, at);
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]) as Set<keyof ContractRecord>;
  keys.delete('history');
  const changed = [...keys].filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));
  return Object.fromEntries(changed.map((key) => [key, after[key]]));
}

describe('apply', () => {
  describe('admission', () => {
    it('begins a record that owes everything', () => {
      const { history: _history, ...record } = fresh;
      expect(record).toEqual({
        contract: CONTRACT,
        target: 'local',
        operation: OPERATION,
        order: ORDER,
        admittedAt: NOW,
        deadlineAt: DEADLINE,
        goal: 'deliver',
        goalSince: NOW,
        why: 'taken from the work list',
        claimed: false,
        announced: false,
        machine: 'none',
        handles: {},
        verified: false,
        maybeDelivered: false,
        delivered: false,
        failReported: false,
        terminateReported: false,
        tries: {},
      });
    });

    it('is the first thing that can happen to a contract', () => {
      const others: ContractEvent[] = [
        intent('claim'),
        done('claim'),
        failed('claim'),
        goal('keep'),
        { type: 'reappeared' },
      ];
      for (const event of others) expect(apply(undefined, CONTRACT, event, NOW)).toBeUndefined();
    });

    it('cannot happen to an open contract again', () => {
      expect(apply(fresh, CONTRACT, admission(), NOW)).toBeUndefined();
    });

    it('begins anew after the contract was closed, and keeps the time line', () => {
      const second = 'ff'.repeat(16) as OperationId;
      const closed = told(...upTo('claim'), goal('remove', 'handed-back'), { type: 'closed', why: 'done' });
      const again = andThen(closed, admission(ORDER, second), NOW + 1);
      expect(again).toMatchObject({ operation: second, goal: 'deliver', claimed: false, admittedAt: NOW + 1 });
      expect(again.closedAt).toBeUndefined();
      expect(again.history.map(({ event }) => event.type)).toEqual([
        'admitted',
        'intent',
        'done',
        'goal',
        'closed',
        'admitted',
      ]);
    });

    it("leaves the provider's settings out of the time line, where they would be kept twice", () => {
      expect(fresh.history).toEqual([{ at: NOW, event: { ...admission(), order: { ...ORDER, settings: {} } } }]);
    });
  });

  describe('intent', () => {
    const before = { machine: 'none', maybeDelivered: false } as const;
    const running = (step: Step): Partial<ContractRecord> => ({ running: { step, attempt: 3, at: NOW + 5, before } });

    it.each<[Step, Partial<ContractRecord>]>([
      ['claim', { claimed: true }],
      ['announce', {}],
      ['create', { machine: 'maybe' }],
      ['verify', {}],
      ['deliver', { maybeDelivered: true }],
      ['credential', {}],
      ['release', {}],
      ['fail', {}],
      ['destroy', {}],
      ['terminate', {}],
    ])('of %s makes true what may have become true', (step, expected) => {
      expect(changes(fresh, intent(step, 3), NOW + 5)).toStrictEqual({ ...running(step), ...expected });
    });

    it('of another create makes a machine that is missing uncertain again', () => {
      const made = told(...upTo('verify'));
      expect(changes(made, intent('create', 2))).toMatchObject({
        machine: 'maybe',
        running: { before: { machine: 'made' } },
      });
    });

    it('remembers what was known before it', () => {
      expect(andThen(kept, intent('stop')).running).toMatchObject({
        before: { machine: 'made', maybeDelivered: true },
      });
    });
  });

  describe('success', () => {
    it.each<[Step, Partial<ContractRecord>]>([
      ['claim', { claimed: true }],
      ['announce', { announced: true }],
      ['create', { machine: 'made', power: 'running' }],
      ['verify', { verified: true }],
      [
        'deliver',
        {
          maybeDelivered: true,
          delivered: true,
          deliveredAt: NOW + 7,
          goal: 'keep',
          goalSince: NOW + 7,
          why: 'handed over',
        },
      ],
      ['credential', {}],
      ['release', {}],
      ['fail', { failReported: true }],
      ['destroy', { machine: 'gone' }],
      ['prune', {}],
      ['terminate', { terminateReported: true }],
      ['rekey', {}],
      ['reset', {}],
      ['stop', { power: 'stopped' }],
      ['start', { power: 'running', starts: { count: 1, lastAt: NOW + 7 } }],
    ])('of %s', (step, expected) => {
      expect(changes(fresh, done(step), NOW + 7)).toStrictEqual(expected);
    });

    it('of a create keeps the machine, and the password as sealed', () => {
      expect(changes(fresh, done('create', { instance: MACHINE, sealedPassword: 'sealed' }))).toMatchObject({
        instance: MACHINE,
        sealedPassword: 'sealed',
      });
    });

    it('of a second create says that nobody has logged in to that machine', () => {
      const first = told(...upTo('create'), ...did('verify', { hostKey: 'SHA256:first' }));
      expect(first.hostKey).toBe('SHA256:first');
      const second = andThen(first, done('create', { instance: MACHINE }));
      expect(second).toMatchObject({ machine: 'made', verified: false });
      expect(second.hostKey).toBeUndefined();
    });

    it('of a login keeps the host key', () => {
      expect(changes(fresh, done('verify', { hostKey: 'SHA256:x' }))).toStrictEqual({
        verified: true,
        hostKey: 'SHA256:x',
      });
    });

    it.each(['verify', 'recipe'] as const)('of %s says how cloud-init ended, until another machine is made', (step) => {
      const seen = told(...upTo('create'), ...did(step, { cloudInit: 'failed' }));
      expect(seen.cloudInit).toBe('failed');
      expect(andThen(seen, done(step)).cloudInit).toBe('failed');
      expect(andThen(seen, done('create', { instance: MACHINE }))).not.toHaveProperty('cloudInit');
    });

    it('of a login says how far its host key is to be trusted, until another machine is made', () => {
      const seen = told(...upTo('create'), ...did('verify', { hostKey: 'SHA256:x', hostKeyTrust: 'first-use' }));
      expect(seen.hostKeyTrust).toBe('first-use');
      expect(andThen(seen, done('create', { instance: MACHINE })).hostKeyTrust).toBeUndefined();
    });

    it('of a start leaves what to expect of the same machine’s host key, and forgets it for another', () => {
      const pinned = andThen(fresh, done('create', { instance: { ...MACHINE, hostKey: 'SHA256:ours' } }));
      const moved = { ...MACHINE, ipv4: '192.0.2.99' };
      expect(andThen(pinned, done('start', { instance: moved })).instance?.hostKey).toBe('SHA256:ours');
      const other = { ...MACHINE, externalId: 'machine-2' as ExternalId };
      expect(andThen(pinned, done('start', { instance: other })).instance?.hostKey).toBeUndefined();
    });

    it('of a start asks for another login before a machine is handed over, and not after', () => {
      const made = told(...upTo('verify'));
      expect([made.goal, andThen(made, done('start')).verified]).toEqual(['deliver', false]);
      expect([kept.goal, andThen(kept, done('start')).verified]).toEqual(['keep', true]);
    });

    it('of a start asks for another look at cloud-init before a machine is handed over, and not after', () => {
      const booted = told(...upTo('create'), ...did('verify', { cloudInit: 'done' }));
      expect([booted.cloudInit, andThen(booted, done('start')).cloudInit]).toEqual(['done', undefined]);
      const handedOver = andThen(booted, done('deliver'));
      expect(andThen(handedOver, done('start')).cloudInit).toBe('done');
    });

    it.each([
      done('publish-name'),
      done('recipe'),
      done('create', { instance: MACHINE }),
      done('reset', { sealedPassword: 'SEALED' }),
      done('verify'),
    ])('holds nothing that its event did not say: $step', (event) => {
      const record = andThen(fresh, event);
      const nothing = Object.entries({ ...record, ...record.dnsName }).filter(([, value]) => value === undefined);
      expect(nothing).toEqual([]);
    });

    it('of a start keeps the address, which may be new', () => {
      const moved = { ...MACHINE, ipv4: '192.0.2.99' };
      expect(changes(kept, done('start', { instance: moved }))).toMatchObject({ instance: moved });
    });

    it('of a delivery does not bring a contract back that is being removed', () => {
      const leaving = told(...upTo('verify'), goal('remove', 'cancelled'));
      expect(changes(leaving, done('deliver'), NOW + 7)).toStrictEqual({
        maybeDelivered: true,
        delivered: true,
        deliveredAt: NOW + 7,
      });
    });

    it('of a release gives the lock back', () => {
      expect(changes(told(...upTo('deliver')), done('release'))).toStrictEqual({ claimed: false });
    });

    it('forgets the failures of the same step, and only those', () => {
      const record = told(failed('claim'), failed('create'));
      expect(Object.keys(andThen(record, done('claim')).tries)).toEqual(['create']);
    });

    it('ends the running step, and no other', () => {
      const creating = told(...upTo('announce'), intent('create'));
      expect(andThen(creating, done('claim')).running?.step).toBe('create');
      expect(andThen(creating, done('create')).running).toBeUndefined();
    });
  });

  it('remembers the operations of earlier times, and removes what one of them left', () => {
    const first = told(...upTo('release'), goal('remove'), ...did('destroy'), { type: 'closed', why: 'removed' });
    const operation = 'e'.repeat(32) as typeof first.operation;
    const again = apply(
      first,
      CONTRACT,
      { type: 'admitted', target: first.target, operation, order: first.order, deadlineAt: NOW },
      NOW,
    );
    expect(again?.earlierOperations).toEqual([first.operation]);
    if (again === undefined) throw new Error('it was not taken again');
    const gone = andThen(andThen(again, goal('remove')), { type: 'closed', why: 'removed' });
    const back = andThen(gone, { type: 'reappeared', operation: first.operation });
    expect(back).toMatchObject({ machine: 'made', operation: first.operation });
    expect(back.earlierOperations).toContain(operation);
    expect(back.closedAt).toBeUndefined();
  });

  describe('what a contract had before, when it is taken again', () => {
    const ROUTE: RouteData = { slug: 'abcdef', firstPort: 20_000, portCount: 10 };
    const OTHER: RouteData = { slug: 'ghijkl', firstPort: 20_010, portCount: 10 };
    const end: ContractEvent = { type: 'closed', why: 'removed' };
    const lived = (route: RouteData | undefined, ipv4: string | undefined): ContractRecord =>
      closedAfter(route, did('create', { instance: { ...MACHINE, ...(ipv4 === undefined ? {} : { ipv4 }) } }));
    const closedAfter = (route: RouteData | undefined, made: readonly ContractEvent[]): ContractRecord =>
      toldAt(NOW, { ...admission(), ...(route === undefined ? {} : { route }) }, ...upTo('announce'), ...made, end);
    const takenAgain = (record: ContractRecord, at: number, route?: RouteData): ContractRecord =>
      andThen(record, { ...admission(), ...(route === undefined ? {} : { route }) }, at);

    it.each<[string, RouteData | undefined, string | undefined, Partial<FormerRoute>]>([
      ['ports and address', ROUTE, '10.0.0.5', { route: ROUTE, ipv4: '10.0.0.5' }],
      ['ports alone', ROUTE, undefined, { route: ROUTE }],
      ['an address alone', undefined, '10.0.0.5', { ipv4: '10.0.0.5' }],
    ])('rests for its hour: %s', (_, route, ipv4, had) => {
      expect(takenAgain(lived(route, ipv4), NOW + HOUR - 1).formerRoutes).toStrictEqual([{ ...had, closedAt: NOW }]);
      expect(takenAgain(lived(route, ipv4), NOW + HOUR)).not.toHaveProperty('formerRoutes');
    });

    it('is nothing where it had neither ports nor an address', () => {
      expect(takenAgain(lived(undefined, undefined), NOW)).not.toHaveProperty('formerRoutes');
      expect(takenAgain(closedAfter(undefined, []), NOW)).not.toHaveProperty('formerRoutes');
    });

    it('rests from each of the times, each for its own hour', () => {
      const second = takenAgain(lived(ROUTE, undefined), NOW + 1_000, OTHER);
      const closed = andThen(second, end, NOW + 2_000);
      expect(takenAgain(closed, NOW + 3_000).formerRoutes).toEqual([
        { route: ROUTE, closedAt: NOW },
        { route: OTHER, closedAt: NOW + 2_000 },
      ]);
      expect(takenAgain(closed, NOW + HOUR + 1_000).formerRoutes).toEqual([{ route: OTHER, closedAt: NOW + 2_000 }]);
    });
  });

  it('knows nothing of the machine of an earlier operation but that it is there', () => {
    const operation = 'e'.repeat(32) as OperationId;
    const back = andThen(kept, { type: 'reappeared', operation });
    expect(kept.instance).toEqual(MACHINE);
    expect(back.instance).toBeUndefined();
    expect(back).toMatchObject({ machine: 'made', operation, handles: {}, earlierOperations: [kept.operation] });
  });

  it('remembers the last sixteen operations, each once', () => {
    const operations = Array.from({ length: 20 }, (_, index) => String(index).padStart(32, '0') as OperationId);
    const seen = [...operations, ...operations.slice(18)];
    const record = seen.reduce((before, operation) => andThen(before, { type: 'reappeared', operation }), kept);
    expect(record.operation).toBe(operations[19]);
    expect(record.earlierOperations).toEqual([...operations.slice(4, 18), operations[19], operations[18]]);
  });

  it('adopts a machine in one entry, as if it had been handed over', () => {
    const event = {
      type: 'adopted',
      target: fresh.target,
      operation: fresh.operation,
      order: fresh.order,
      instance: MACHINE,
    } as const;
    const record = apply(undefined, CONTRACT, event, NOW);
    expect(record).toMatchObject({
      goal: 'keep',
      why: 'adopted by an operator',
      verified: true,
      maybeDelivered: true,
      machine: 'made',
      delivered: true,
      announced: true,
      instance: MACHINE,
    });
    expect(apply(record, CONTRACT, event, NOW)).toBeUndefined();
  });

  it('knows the tenant by the new key once that is in the machine', () => {
    const before = kept.order.sshKey;
    const record = andThen(kept, done('rekey', { sshKey: 'ssh-ed25519 NEW' }));
    expect(before).not.toBe('ssh-ed25519 NEW');
    expect(record.order.sshKey).toBe('ssh-ed25519 NEW');
    expect(andThen(kept, done('rekey')).order.sshKey).toBe(before);
  });

  describe('the password', () => {
    const sealed = (envelope: string): Credential => ({ envelope, sealedFor: 'ab'.repeat(32) });
    const withPassword = told(...upTo('announce'), intent('create'), done('create', { sealedPassword: 'SEALED' }));

    it('is dropped once the platform has it, from the time line too', () => {
      expect(JSON.stringify(withPassword)).toContain('SEALED');
      expect(JSON.stringify(andThen(withPassword, done('credential')))).not.toContain('SEALED');
    });

    it('is dropped when the contract is closed', () => {
      expect(JSON.stringify(andThen(withPassword, { type: 'closed', why: 'removed' }))).not.toContain('SEALED');
    });

    it('that a tenant asked for is owed like a first one', () => {
      const record = andThen(kept, done('reset', { sealedPassword: 'NEW' }));
      expect(record.sealedPassword).toBe('NEW');
      expect(JSON.stringify(record.history)).not.toContain('NEW');
    });

    it('of a reset is decided before it is set, so that every attempt sets the same', () => {
      const begun = andThen(kept, { type: 'password', sealedPassword: 'NEXT' });
      expect(begun.nextPassword).toBe('NEXT');
      expect(JSON.stringify(begun.history)).not.toContain('NEXT');
      const set = andThen(begun, done('reset', { sealedPassword: 'NEXT' }));
      expect(set).toMatchObject({ sealedPassword: 'NEXT' });
      expect(set.nextPassword).toBeUndefined();
      expect(JSON.stringify(andThen(begun, { type: 'closed', why: 'removed' }))).not.toContain('NEXT');
    });

    it('that is sealed to its tenant is kept beside ours, and gone with it', () => {
      const made = told(done('create', { sealedPassword: 'SEALED', credential: sealed('TO-TENANT') }));
      expect(made.credential).toEqual(sealed('TO-TENANT'));
      const closed = andThen(made, { type: 'closed', why: 'removed' });
      expect(JSON.stringify(closed)).not.toMatch(/SEALED|TO-TENANT/);

      const asked = andThen(made, { type: 'password', sealedPassword: 'NEXT', sealFor: 'KEY' });
      expect(asked).toMatchObject({ nextPassword: 'NEXT', nextSealFor: 'KEY' });
      expect(JSON.stringify(andThen(asked, { type: 'closed', why: 'removed' }))).not.toMatch(/NEXT|nextSealFor/);
      const again = andThen(asked, { type: 'password', sealedPassword: 'LAST' });
      expect(Object.keys(again)).not.toContain('nextSealFor');

      const set = andThen(asked, done('reset', { sealedPassword: 'NEXT', credential: sealed('NEW-TO-TENANT') }));
      expect(set).toMatchObject({ sealedPassword: 'NEXT', credential: sealed('NEW-TO-TENANT') });
      expect(Object.keys(set)).not.toContain('nextSealFor');
      const unsealed = andThen(asked, done('reset', { sealedPassword: 'NEXT' }));
      expect(Object.keys(unsealed)).not.toContain('credential');
      expect(andThen(asked, done('reset'))).toMatchObject({ nextPassword: 'NEXT', nextSealFor: 'KEY' });
    });

    it('and what a recipe printed are blank in the time line', () => {
      const recipe = { ok: true, summary: 'well', output: 'hello' };
      const record = told({ type: 'password', sealedPassword: 'NEXT' }, done('recipe', { recipe }));
      expect(record.history.map(({ event }) => event).slice(-2)).toEqual([
        { type: 'password', sealedPassword: '' },
        done('recipe', { recipe: { ...recipe, output: '' } }),
      ]);
    });

    it('leaves the rest of its entry in the time line', () => {
      const record = told(done('create', { instance: MACHINE, sealedPassword: 'SEALED', note: 'found' }));
      expect(record.history.at(-1)).toEqual({ at: NOW, event: done('create', { instance: MACHINE, note: 'found' }) });
    });
  });

  describe('failure', () => {
    it('is counted, with what is known about it', () => {
      const event = failed('create', 'throttled', { publicText: 'Busy.', retryAfterMs: 5_000 });
      expect(changes(fresh, event, NOW + 9)).toStrictEqual({
        tries: {
          create: {
            count: 1,
            lastAt: NOW + 9,
            kind: 'throttled',
            text: 'create went wrong',
            publicText: 'Busy.',
            retryAfterMs: 5_000,
          },
        },
      });
      expect(andThen(andThen(fresh, event), failed('create')).tries.create).toEqual({
        count: 2,
        lastAt: NOW,
        kind: 'retry',
        text: 'create went wrong',
      });
    });

    it('by our own shutdown is not counted', () => {
      expect(told(failed('create', 'parked')).tries.create).toMatchObject({ count: 0, kind: 'parked' });
      expect(told(failed('create'), failed('create', 'parked')).tries.create).toMatchObject({
        count: 1,
        kind: 'parked',
      });
    });

    it('leaves open what may have happened', () => {
      const creating = told(...upTo('announce'), intent('create'), failed('create', 'unknown-outcome'));
      expect(creating).toMatchObject({ machine: 'maybe' });
      expect(creating.running).toBeUndefined();
      expect(told(...upTo('verify'), intent('deliver'), failed('deliver')).maybeDelivered).toBe(true);
    });

    it('takes back what certainly did not happen', () => {
      const nothing = { nothingHappened: true } as const;
      expect(told(intent('create'), failed('create', 'retry', nothing)).machine).toBe('none');
      expect(told(...upTo('verify'), intent('deliver'), failed('deliver', 'retry', nothing)).maybeDelivered).toBe(
        false,
      );
    });

    it('takes nothing back that an earlier attempt may have done', () => {
      const nothing = { nothingHappened: true } as const;
      const record = told(intent('create'), failed('create'), intent('create', 2), failed('create', 'retry', nothing));
      expect(record.machine).toBe('maybe');
    });

    it('of a renewed lock takes nothing back of the create that runs beside it', () => {
      const record = told(...upTo('announce'), intent('create'), failed('claim', 'config', { nothingHappened: true }));
      expect(record).toMatchObject({ machine: 'maybe', running: { step: 'create' } });
    });

    it('that certainly did nothing, of a step that was not begun, changes nothing else', () => {
      expect(Object.keys(changes(kept, failed('claim', 'config', { nothingHappened: true })))).toEqual(['tries']);
    });
  });

  describe('goals', () => {
    it('carry their reason, and what the tenant is told', () => {
      const event: ContractEvent = {
        type: 'goal',
        goal: 'remove',
        reason: 'failed',
        why: 'no image',
        publicReason: 'Sorry.',
      };
      expect(changes(fresh, event, NOW + 4)).toStrictEqual({
        goal: 'remove',
        goalSince: NOW + 4,
        reason: 'failed',
        why: 'no image',
        publicReason: 'Sorry.',
      });
    });

    it('do not inherit the reason of the one before', () => {
      const doomed = andThen(kept, {
        type: 'goal',
        goal: 'remove',
        reason: 'cancelled',
        why: 'gone',
        publicReason: 'x',
      });
      const saved = andThen(doomed, { type: 'goal', goal: 'keep', why: 'after all' });
      expect(saved).toMatchObject({ goal: 'keep', why: 'after all' });
      expect(saved).not.toHaveProperty('reason');
      expect(saved).not.toHaveProperty('publicReason');
    });
  });

  it('hears of the end, of handles, and of a new address', () => {
    expect(changes(kept, { type: 'ends', endsAt: NOW + HOUR })).toStrictEqual({ endsAt: NOW + HOUR });
    const named = andThen(fresh, { type: 'handle', key: 'vmid', value: '100' });
    expect(changes(named, { type: 'handle', key: 'task', value: 'x' })).toStrictEqual({
      handles: { vmid: '100', task: 'x' },
    });
    const moved = { ...MACHINE, ipv4: '192.0.2.99' };
    expect(changes(kept, { type: 'instance', instance: moved })).toStrictEqual({ instance: moved });
  });

  it('is told that the platform forgot: it is announced again, and was delivered all the same', () => {
    expect(changes(kept, { type: 'unannounced', why: 'restored' })).toStrictEqual({ announced: false });
    const reporting = told(...upTo('verify'), intent('deliver'));
    expect(changes(reporting, { type: 'unannounced', why: 'restored' })).toStrictEqual({
      announced: false,
      maybeDelivered: false,
    });
  });

  it('closes, and opens again for a machine that turned up', () => {
    const running = andThen(kept, intent('release'));
    expect(changes(running, { type: 'closed', why: 'removed' }, NOW + 2)).toStrictEqual({
      running: undefined,
      closedAt: NOW + 2,
    });
    const gone = told(...upTo('release'), goal('remove', 'expired'), done('destroy'), {
      type: 'closed',
      why: 'removed',
    });
    expect(changes(gone, { type: 'reappeared' })).toStrictEqual({ closedAt: undefined, machine: 'made' });
  });

  it('skips what a newer program may have written, and keeps it in the time line', () => {
    const event = JSON.parse('{"type":"migrated","to":"b"}') as ContractEvent;
    expect(changes(kept, event)).toStrictEqual({});
    expect(andThen(kept, event).history.at(-1)).toEqual({ at: NOW, event });
    expect(changes(kept, JSON.parse('{"type":"done","step":"migrate"}') as ContractEvent)).toStrictEqual({});
  });

  it.each<ContractEvent>([
    admission(),
    done('create'),
    done('verify'),
    done('start'),
    failed('create'),
    { type: 'goal', goal: 'keep', why: 'after all' },
  ])('leaves out what an event does not say: %o', (event) => {
    const before = event.type === 'admitted' ? undefined : fresh;
    const record = apply(before, CONTRACT, event, NOW);
    expect(record).toBeDefined();
    expect(record).toStrictEqual(JSON.parse(JSON.stringify(record)));
  });

  describe('starts in a row', () => {
    it('are counted while they come within the hour', () => {
      const twice = andThen(andThen(kept, done('start'), NOW), done('start'), NOW + HOUR);
      expect(twice.starts).toEqual({ count: 2, lastAt: NOW + HOUR });
      expect(andThen(twice, done('start'), NOW + 2 * HOUR + 1).starts).toEqual({
        count: 1,
        lastAt: NOW + 2 * HOUR + 1,
      });
    });
  });

  describe('the time line', () => {
    const pulses = (count: number): ContractEvent[] =>
      Array.from({ length: count }, (_, index) => ({ type: 'ends', endsAt: index }) as const);
    const endsOf = (record: ContractRecord): unknown[] =>
      record.history.map(({ event }) => ('endsAt' in event ? event.endsAt : event.type));

    it('keeps everything up to its length', () => {
      expect(endsOf(told(...pulses(119)))).toEqual(['admitted', ...Array.from({ length: 119 }, (_, index) => index)]);
    });

    it('keeps how it began and how it stands, and thins out between', () => {
      const ends = endsOf(told(...pulses(300)));
      expect(ends).toHaveLength(120);
      expect(ends.slice(0, 20)).toEqual(['admitted', ...Array.from({ length: 19 }, (_, index) => index)]);
      expect(ends.slice(20)).toEqual(Array.from({ length: 100 }, (_, index) => 200 + index));
    });

    it('is told with the time of each event', () => {
      const record = toldAt(NOW, admission());
      expect(andThen(record, intent('claim'), NOW + 3).history.at(-1)).toEqual({ at: NOW + 3, event: intent('claim') });
    });
  });
});
