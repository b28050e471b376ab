import { describe, expect, it } from 'vitest';
import type { ExternalId } from '../ports/ids.ts';
import { apply } from './apply.ts';
import { type Decision, decide, type World } from './decide.ts';
import {
  admission,
  andThen,
  CALM,
  CONTRACT,
  did,
  done,
  failed,
  goal,
  HOUR,
  intent,
  NOW,
  ORDER,
  toldAt,
} from './fixtures.ts';
import { defaultPolicy } from './policy.ts';
import type { ContractEvent, ContractRecord, InstanceData, RouteData } from './record.ts';
import { dueAt } from './retry.ts';

const ROUTE: RouteData = { slug: 'abc123', firstPort: 20_000, portCount: 10 };
const PUBLIC_IP = '203.0.113.10';

function machine(host: string): InstanceData {
  return { externalId: 'machine-1' as ExternalId, ipv4: host, ssh: { host, port: 22, user: 'root' } };
}

function routed(...events: readonly ContractEvent[]): ContractRecord {
  return toldAt(NOW, { ...admission(), route: ROUTE }, ...events);
}

const MADE = [...did('claim'), ...did('announce'), ...did('create', { instance: machine('10.0.0.5') })];
const OPENED = [...MADE, ...did('open-route')];
const HANDED_OVER = [...OPENED, ...did('verify'), ...did('deliver'), ...did('release')];
const NAMED = [...HANDED_OVER, ...did('publish-name', { publicIp: PUBLIC_IP })];

const REQUIRED = { policy: 'required', publicIp: PUBLIC_IP, publishes: false } as const;
const BEST_EFFORT = { ...REQUIRED, policy: 'best-effort' } as const;
const NAMES = { ...REQUIRED, publishes: true } as const;

type Gateway = NonNullable<World['gateway']>;
function next(record: ContractRecord, gateway: Gateway | undefined, more: Partial<World> = {}, now = NOW): Decision {
  return decide(record, { ...CALM, ...(gateway === undefined ? {} : { gateway }), ...more }, defaultPolicy, now);
}

function step(name: Extract<Decision, { kind: 'step' }>['step'], why: string): Decision {
  return { kind: 'step', step: name, why };
}

const OPEN = step('open-route', 'the machine is reached through ports of this host');
const VERIFY = step('verify', 'a login must be seen to work before anybody is told');
const CLOSE = step('close-route', 'its ports must lead nowhere before its address is free for others');
const DESTROY = step('destroy', 'nothing of it may stay');
const PUBLISH = step('publish-name', 'the route has no DNS name yet');
const RUNS = { kind: 'wait', why: 'the contract runs' };

describe('on the way to a machine', () => {
  it('its route is opened when it is made, before a login is looked for', () => {
    expect(next(routed(...MADE), REQUIRED)).toEqual(OPEN);
    expect(next(routed(...OPENED), REQUIRED)).toEqual(VERIFY);
  });

  it('one that has been switched off is switched on first', () => {
    expect(next(routed(...MADE), REQUIRED, { power: 'stopped' })).toMatchObject({ step: 'start' });
  });

  it('nothing is handed over before the route is proved, where that is required', () => {
    const record = routed(...MADE, intent('open-route'), failed('open-route'));
    expect(next(record, REQUIRED)).toEqual({
      kind: 'wait',
      until: dueAt(record, 'open-route', NOW),
      why: 'open-route failed (open-route went wrong); it is tried again',
    });
    expect(next(record, REQUIRED, {}, NOW + HOUR / 2)).toEqual(OPEN);
    expect(next(record, REQUIRED, {}, NOW + HOUR)).toMatchObject({ kind: 'goal', goal: 'remove', reason: 'failed' });
  });

  it('one that nobody can reach is given up at the deadline, also where a login need not be seen', () => {
    const can = { ...CALM.can, needsLogin: false };
    expect(next(routed(...MADE), REQUIRED, { can }, NOW + HOUR)).toMatchObject({ goal: 'remove', reason: 'failed' });
    expect(next(routed(...OPENED), REQUIRED, { can }, NOW + HOUR)).toMatchObject({ step: 'deliver' });
    const tried = routed(...MADE, intent('open-route'), failed('open-route'));
    expect(next(tried, BEST_EFFORT, { can }, NOW + HOUR)).toMatchObject({ step: 'deliver' });
  });

  it('with best effort one attempt is enough, and an interrupted one is none', () => {
    expect(next(routed(...MADE), BEST_EFFORT)).toEqual(OPEN);
    expect(next(routed(...MADE, intent('open-route'), failed('open-route')), BEST_EFFORT)).toEqual(VERIFY);
    expect(next(routed(...MADE, intent('open-route'), failed('open-route', 'parked')), BEST_EFFORT)).toEqual(OPEN);
    expect(next(routed(...OPENED), BEST_EFFORT)).toEqual(VERIFY);
  });

  it('a machine without ports, and one on a host without a gateway, goes on as ever', () => {
    expect(next(routed(...MADE), undefined)).toEqual(VERIFY);
    expect(next(routed(...MADE, { type: 'unrouted', why: 'public' }), REQUIRED)).toEqual(VERIFY);
  });

  it('a lost proof means another one, as soon as the machine has moved', () => {
    expect(next(routed(...OPENED, ...did('create', { instance: machine('10.0.0.6') })), REQUIRED)).toEqual(OPEN);
    expect(next(routed(...OPENED, ...did('create', { instance: machine('10.0.0.5') })), REQUIRED)).toEqual(VERIFY);
  });
});

describe('while the contract runs', () => {
  it('a route that is not open is opened, whatever it was before', () => {
    expect(next(routed(...HANDED_OVER), REQUIRED)).toEqual(RUNS);
    expect(next(routed(...HANDED_OVER, intent('close-route')), REQUIRED)).toEqual(OPEN);
    expect(next(routed(...HANDED_OVER, ...did('close-route')), REQUIRED)).toEqual(OPEN);
    expect(next(routed(...HANDED_OVER, { type: 'instance', instance: machine('10.0.0.7') }), REQUIRED)).toEqual(OPEN);
    expect(next(routed(...HANDED_OVER, ...did('start', { instance: machine('10.0.0.7') })), REQUIRED)).toEqual(OPEN);
    expect(next(routed(...HANDED_OVER, ...did('start')), REQUIRED)).toEqual(RUNS);
  });

  it('a machine that is off is started first, and one that is not there has no route', () => {
    const closed = routed(...HANDED_OVER, ...did('close-route'));
    expect(next(closed, REQUIRED, { power: 'stopped' })).toMatchObject({ step: 'start' });
    expect(next(closed, REQUIRED, { power: 'absent' })).toEqual(RUNS);
    expect(next(closed, undefined)).toEqual(RUNS);
  });

  it('an opening that failed holds nothing else up', () => {
    const record = routed(...HANDED_OVER, ...did('close-route'), intent('open-route'), failed('open-route'));
    expect(next(record, REQUIRED, { asked: { sshKey: 'new' } })).toMatchObject({ step: 'rekey' });
    expect(next(record, REQUIRED)).toEqual({ ...RUNS, until: dueAt(record, 'open-route', NOW) });
  });

  it('the route gets its name after the machine was handed over', () => {
    expect(next(routed(...HANDED_OVER), NAMES)).toEqual(PUBLISH);
    expect(next(routed(...HANDED_OVER, intent('publish-name')), NAMES)).toEqual(PUBLISH);
    expect(next(routed(...NAMED), NAMES)).toEqual(RUNS);
    expect(next(routed(...HANDED_OVER, goal('stop'), ...did('stop')), NAMES)).toEqual(PUBLISH);
  });

  it('no name is asked for where the platform makes none, nor for a machine without a route', () => {
    expect(next(routed(...HANDED_OVER), REQUIRED)).toEqual(RUNS);
    expect(next(routed(...HANDED_OVER, { type: 'unrouted', why: 'public' }), NAMES)).toEqual(RUNS);
    expect(next(routed(...HANDED_OVER), undefined)).toEqual(RUNS);
  });

  it('a name that cannot be had now holds nothing else up', () => {
    const record = routed(...HANDED_OVER, intent('publish-name'), failed('publish-name'));
    expect(next(record, NAMES, { surplus: true })).toMatchObject({ step: 'prune' });
  });

  it('a name for an address that this host had before is replaced', () => {
    const moved = { ...NAMES, publicIp: '203.0.113.99' };
    expect(next(routed(...NAMED), moved)).toEqual(
      step('withdraw-name', 'the DNS name is for an address that this host had before'),
    );
    expect(next(routed(...NAMED, ...did('withdraw-name')), moved)).toEqual(PUBLISH);
  });
});

describe('on the way out', () => {
  const DOOMED: Partial<World> = { platformWants: 'remove' };
  const cancelled = (...events: readonly ContractEvent[]): ContractRecord =>
    routed(...events, goal('remove', 'cancelled'));

  it('ports are closed before the machine goes, however far they were opened', () => {
    expect(next(cancelled(...HANDED_OVER), REQUIRED, DOOMED)).toEqual(CLOSE);
    expect(next(cancelled(...HANDED_OVER, intent('close-route')), REQUIRED, DOOMED)).toEqual(CLOSE);
    expect(next(cancelled(...MADE, intent('open-route')), REQUIRED, DOOMED)).toEqual(CLOSE);
    expect(next(cancelled(...HANDED_OVER, ...did('close-route')), REQUIRED, DOOMED)).toEqual(DESTROY);
    expect(next(cancelled(...MADE), REQUIRED, DOOMED)).toEqual(DESTROY);
  });

  it('a machine whose ports cannot be closed stays until they are', () => {
    const record = andThen(cancelled(...HANDED_OVER, intent('close-route')), failed('close-route'));
    expect(next(record, REQUIRED, DOOMED)).toMatchObject({ kind: 'wait', why: 'close-route will be tried again' });
    expect(next(record, REQUIRED, DOOMED, NOW + HOUR)).toEqual(CLOSE);
  });

  it('the platform is asked again before anything of a used machine is closed', () => {
    expect(next(cancelled(...HANDED_OVER), REQUIRED)).toMatchObject({
      kind: 'wait',
      why: /platform is asked once more/,
    });
  });

  it('a failure is reported first, and ports of a machine that never was are closed too', () => {
    const record = routed(...did('claim'), intent('open-route'), goal('remove', 'failed'));
    expect(next(record, REQUIRED)).toMatchObject({ step: 'fail' });
    expect(next(andThen(record, done('fail')), REQUIRED)).toEqual(CLOSE);
  });

  it('a host without a gateway has nothing to close', () => {
    expect(next(cancelled(...NAMED), undefined, DOOMED)).toEqual(DESTROY);
    const gone = cancelled(...NAMED, goal('remove', 'cancelled'), ...did('destroy'), ...did('terminate'));
    expect(next(gone, undefined)).toMatchObject({ kind: 'close' });
  });

  it('the record stays open until the name is gone', () => {
    const gone = cancelled(
      ...NAMED,
      goal('remove', 'cancelled'),
      ...did('close-route'),
      ...did('destroy'),
      ...did('terminate'),
    );
    expect(next(gone, NAMES)).toEqual(step('withdraw-name', 'its DNS name leads nowhere'));
    expect(next(gone, REQUIRED)).toMatchObject({ step: 'withdraw-name' });
    const refused = andThen(andThen(gone, intent('withdraw-name')), failed('withdraw-name', 'config'));
    expect(next(refused, NAMES)).toMatchObject({ kind: 'wait', why: 'withdraw-name will be tried again' });
    expect(next(andThen(gone, done('withdraw-name')), NAMES)).toMatchObject({ kind: 'close' });
  });

  it('a name that may have been made is taken back too, and holds up nothing else', () => {
    const maybe = cancelled(...HANDED_OVER, intent('publish-name'));
    expect(next(maybe, NAMES, DOOMED)).toEqual(CLOSE);
    const gone = andThen(andThen(andThen(maybe, done('close-route')), done('destroy')), done('terminate'));
    expect(next(gone, NAMES)).toMatchObject({ step: 'withdraw-name' });
  });

  it('what is kept after all gets its ports back', () => {
    expect(next(cancelled(...HANDED_OVER, ...did('close-route'), goal('keep')), REQUIRED)).toBeDefined();
    expect(next(andThen(cancelled(...HANDED_OVER, ...did('close-route')), goal('keep')), REQUIRED)).toEqual(OPEN);
  });
});

describe('the record of a route', () => {
  it('has its ports from the first entry on', () => {
    expect(routed().route).toEqual(ROUTE);
    const adopted = apply(
      undefined,
      CONTRACT,
      {
        type: 'adopted',
        target: routed().target,
        operation: routed().operation,
        order: ORDER,
        instance: machine('10.0.0.5'),
        route: ROUTE,
      },
      NOW,
    );
    expect(adopted).toMatchObject({ route: ROUTE, goal: 'keep', machine: 'made' });
    expect(adopted?.routeState).toBeUndefined();
    expect(toldAt(NOW, admission())).not.toHaveProperty('route');
  });

  it('says how far it is', () => {
    const states = [MADE, [...MADE, intent('open-route')], OPENED, [...OPENED, intent('close-route')]];
    expect(states.map((events) => routed(...events).routeState)).toEqual([undefined, 'opening', 'open', 'closing']);
    expect(routed(...OPENED, ...did('close-route'))).not.toHaveProperty('routeState');
    expect(routed(...OPENED, ...did('close-route')).route).toEqual(ROUTE);
    expect(routed(...MADE, intent('open-route'), failed('open-route')).routeState).toBe('opening');
    expect(routed(...OPENED, intent('close-route'), failed('close-route')).routeState).toBe('closing');
  });

  it('is forgotten where it turned out to be of no use', () => {
    const record = routed(...OPENED, { type: 'unrouted', why: 'public' });
    expect(record).not.toHaveProperty('route');
    expect(record).not.toHaveProperty('routeState');
  });

  it('loses its proof with the machine’s address, and with nothing else', () => {
    expect(routed(...OPENED, { type: 'instance', instance: machine('10.0.0.5') }).routeState).toBe('open');
    expect(routed(...OPENED, { type: 'instance', instance: machine('10.0.0.6') }).routeState).toBe('opening');
    expect(
      routed(...OPENED, intent('close-route'), { type: 'instance', instance: machine('10.0.0.6') }).routeState,
    ).toBe('closing');
    expect(routed(...MADE, { type: 'instance', instance: machine('10.0.0.6') })).not.toHaveProperty('routeState');
  });

  it('says what of its name the platform may have', () => {
    expect(routed(...HANDED_OVER, intent('publish-name')).dnsName).toEqual({ state: 'maybe' });
    expect(routed(...NAMED).dnsName).toEqual({ state: 'there', publicIp: PUBLIC_IP });
    expect(routed(...HANDED_OVER, ...did('publish-name')).dnsName).toEqual({ state: 'there' });
    expect(routed(...NAMED, intent('publish-name')).dnsName).toEqual({ state: 'maybe', publicIp: PUBLIC_IP });
    expect(routed(...NAMED, ...did('withdraw-name'))).not.toHaveProperty('dnsName');
  });

  it('goes on resting when its machine turns up again soon, and is gone when that is later', () => {
    const closed = routed(...MADE, goal('remove', 'cancelled'), ...did('destroy'), { type: 'closed', why: 'gone' });
    const soon = andThen(closed, { type: 'reappeared' }, NOW + HOUR - 1);
    expect(soon).toMatchObject({ machine: 'made', route: ROUTE });
    expect(soon).not.toHaveProperty('closedAt');
    const late = andThen(closed, { type: 'reappeared' }, NOW + HOUR);
    expect(late).not.toHaveProperty('route');
    expect(late.machine).toBe('made');
  });

  it('waits for a gateway as for a backend', () => {
    for (const name of ['open-route', 'close-route'] as const) {
      const record = routed(...MADE, intent(name), failed(name));
      expect(dueAt(record, name, NOW) - NOW).toBeGreaterThanOrEqual(500);
      expect(dueAt(record, name, NOW) - NOW).toBeLessThanOrEqual(1_000);
    }
  });
});
