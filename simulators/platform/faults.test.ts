import { describe, expect, test } from 'vitest';
import type { Fault } from './faults.ts';
import { createStory, type Story } from './story.ts';

const work = (story: Story) => `/providers/${story.provider}/contracts/pending-provision`;
const lockPath = (story: Story, id: string) => `/providers/${story.provider}/contracts/${id}/lock`;

/** Locks a fresh contract under one fault: how it was answered, and whether the lock is there. */
function locked(fault: Fault) {
  const story = createStory();
  const { id } = story.rent();
  story.core.faults.add({ route: 'lock', fault });
  const { response, transport, delayMs } = story.agent.outcome('POST', lockPath(story, id));
  return {
    status: response.status,
    body: response.body,
    headers: response.headers,
    transport,
    delayMs,
    effect: story.core.locks.size === 1,
  };
}

/** The work list with one contract in it, under one fault. */
function listed(fault: Fault): unknown[] {
  const story = createStory();
  story.rent();
  story.core.faults.add({ route: 'pending-provision', fault });
  return story.agent.send('GET', work(story)).data;
}

describe('what a fault does to a write', () => {
  test.each<[Fault, object]>([
    [{ kind: 'drop-before' }, { transport: 'drop-before', effect: false }],
    [{ kind: 'drop-after' }, { transport: 'drop-after', effect: true }],
    [{ kind: 'hang' }, { transport: 'hang', effect: false }],
    [
      { kind: 'hang', processed: true },
      { transport: 'hang', effect: true },
    ],
    [
      { kind: 'delay', ms: 7 },
      { transport: 'deliver', status: 200, delayMs: 7, effect: true },
    ],
    [{ kind: 'throttle' }, { status: 429, effect: false, headers: { 'retry-after': '60' } }],
    [
      { kind: 'throttle', retryAfterSeconds: 3 },
      { status: 429, headers: { 'retry-after': '3' } },
    ],
    [{ kind: 'server-error' }, { status: 500, effect: false, body: expect.stringMatching(/^Internal error: /) }],
    [
      { kind: 'server-error', processed: true, text: 'oops' },
      { status: 500, effect: true, body: 'oops' },
    ],
    [{ kind: 'bad-gateway' }, { status: 502, effect: false, headers: { 'content-type': 'text/html' } }],
    [
      { kind: 'bad-gateway', processed: true },
      { status: 502, effect: true, body: expect.stringContaining('<html>') },
    ],
    [{ kind: 'truncate' }, { transport: 'truncate', effect: true }],
    [
      { kind: 'truncate', framing: 'intact' },
      { transport: 'deliver', status: 200, effect: true, body: expect.stringMatching(/^\{"suc.*[^}]$/) },
    ],
    [
      { kind: 'content-type', value: 'text/plain' },
      { status: 200, headers: { 'content-type': 'text/plain' }, effect: true },
    ],
    [
      { kind: 'answer', answer: { status: 200, headers: {}, body: '{}' } },
      { status: 200, body: '{}', effect: false },
    ],
  ])('%j', (fault, expected) => {
    expect(locked(fault)).toMatchObject(expected);
  });

  test('a hold takes effect only when the transport lets it', () => {
    const story = createStory();
    const { id } = story.rent();
    story.core.faults.add({ route: 'unlock', fault: { kind: 'hold', ms: 9 } });
    story.agent.send('POST', lockPath(story, id));
    const request = { method: 'DELETE', path: `/api/v1${lockPath(story, id)}`, headers: {}, body: '' };
    expect(story.core.admit(request).holdMs).toBe(9);
    expect(story.core.locks.size).toBe(1);
  });
});

describe('what a fault does to a list', () => {
  test('empty, doubled, or with nonsense around what is real', () => {
    const [item] = listed({ kind: 'delay', ms: 0 });
    expect(listed({ kind: 'empty-list' })).toEqual([]);
    expect(listed({ kind: 'duplicate-entries' })).toEqual([item, item]);
    expect(listed({ kind: 'malformed-entries', entries: [7] })).toEqual([7, item, 7]);
    expect(listed({ kind: 'malformed-entries' }).length).toBeGreaterThan(9);
  });

  test('reaches the buckets of reconcile too', () => {
    const story = createStory();
    const runningInstances = [{ externalId: 'vm', contractId: story.rent().id }];
    story.core.faults.add({ route: 'reconcile', fault: { kind: 'empty-list' } });
    const ask = () => story.agent.send('POST', `/providers/${story.provider}/reconcile`, { runningInstances }).data;
    expect(ask()).toEqual({ keep: [], terminate: [], unknown: [], pause: [] });
    expect(ask().keep).toHaveLength(1);
  });

  test('stale: the answer of before, to the same call of the same agent', () => {
    const story = createStory();
    const other = story.agentIn(story.pool);
    const first = story.rent();
    story.agent.send('GET', work(story));
    story.rent();
    story.core.faults.add({ route: 'pending-provision', times: 2, fault: { kind: 'stale' } });
    expect(story.agent.send('GET', work(story)).data).toMatchObject([{ contract_id: first.id }]);
    expect(other.send('GET', work(story)).data).toHaveLength(2);
    expect(story.agent.send('GET', work(story)).data).toHaveLength(2);
  });

  test('stale repeats no answer of HTTP failure', () => {
    const story = createStory();
    const { id } = story.rent();
    story.core.admin.revoke(story.agent.key);
    expect(story.agent.send('GET', work(story)).status).toBe(401);
    story.core.admin.register(story.core.admin.token(story.pool), story.agent.key);
    story.core.faults.add({ route: 'pending-provision', fault: { kind: 'stale' } });
    expect(story.agent.send('GET', work(story)).data).toMatchObject([{ contract_id: id }]);
  });

  test('a refusal has no lists and stays as it is', () => {
    const story = createStory();
    story.core.faults.add({ route: '*', fault: { kind: 'empty-list' } });
    expect(story.agent.send('POST', lockPath(story, 'ab'.repeat(32))).error).toMatch(/^Contract not found/);
  });
});

describe('which requests a rule hits', () => {
  const throttle: Fault = { kind: 'throttle' };
  const statuses = (story: Story, count: number, path = work(story)) =>
    Array.from({ length: count }, () => story.agent.send('GET', path).status);

  test('one, unless told; after those it lets pass', () => {
    const story = createStory();
    story.core.faults.add({ route: 'pending-provision', skip: 1, times: 2, fault: throttle });
    expect(statuses(story, 5)).toEqual([200, 429, 429, 200, 200]);
    expect(story.core.faults.pending()).toBe(0);
  });

  test('of its own route only, or of all', () => {
    const story = createStory();
    story.core.faults.add({ route: 'lock', fault: throttle });
    expect(statuses(story, 1)).toEqual([200]);
    story.core.faults.add({ route: '*', fault: throttle });
    expect(statuses(story, 2)).toEqual([429, 200]);
    expect(story.core.faults.pending()).toBe(1);
  });

  test('that name a contract in path or body', () => {
    const story = createStory();
    const [one, two] = [story.rent(), story.rent()];
    story.core.faults.add({ route: 'lock', match: two.id, fault: throttle });
    story.core.faults.add({ route: 'reconcile', match: '"vm-2"', fault: throttle });
    expect([one, two].map(({ id }) => story.agent.send('POST', lockPath(story, id)).status)).toEqual([200, 429]);
    const reconcile = (externalId: string) =>
      story.agent.send('POST', `/providers/${story.provider}/reconcile`, { runningInstances: [{ externalId }] }).status;
    expect([reconcile('vm-1'), reconcile('vm-2')]).toEqual([200, 429]);
  });

  test('until it is taken away: an outage', () => {
    const story = createStory();
    const end = story.core.faults.add({ route: '*', times: Number.POSITIVE_INFINITY, fault: throttle });
    expect(statuses(story, 100).every((status) => status === 429)).toBe(true);
    end();
    expect(statuses(story, 1)).toEqual([200]);
    story.core.faults.add({ route: '*', fault: throttle });
    story.core.faults.clear();
    expect(statuses(story, 1)).toEqual([200]);
  });

  test('in the order of the rules, one rule per request', () => {
    const story = createStory();
    story.core.faults.add({ route: '*', fault: throttle });
    story.core.faults.add({ route: '*', fault: { kind: 'bad-gateway' } });
    expect(statuses(story, 3)).toEqual([429, 502, 200]);
  });
});

test('a listener hears of every request after it was processed, until it leaves', () => {
  const story = createStory();
  const heard: unknown[] = [];
  const leave = story.core.onExchange(({ at, request, outcome }) =>
    heard.push([at, request.method, outcome.route, outcome.response.status]),
  );
  story.agent.send('GET', work(story));
  story.agent.send('GET', '/nowhere');
  leave();
  story.agent.send('GET', work(story));
  expect(heard).toEqual([
    [story.clock.now(), 'GET', 'pending-provision', 200],
    [story.clock.now(), 'GET', undefined, 404],
  ]);
});
