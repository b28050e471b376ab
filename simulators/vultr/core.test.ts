import { beforeEach, describe, expect, test } from 'vitest';
import { systemRandom } from '../../src/ports/random.ts';
import { type MovableClock, manualClock } from '../platform/manual-clock.ts';
import { createVultrCore, type VultrCore } from './core.ts';
import { SIMULATOR_KEY, type VultrChoices } from './options.ts';

const ORDER = { region: 'ams', plan: 'vc2-1c-1gb', os_id: 2136, label: 'one', hostname: 'one', tags: ['mine'] };
/** Longer than anything takes by default, snapshots excepted. */
const LONG_MS = 60_000;

let clock: MovableClock;
let core: VultrCore;

function open(options: VultrChoices = {}): void {
  clock = manualClock();
  core = createVultrCore({ clock, random: systemRandom, options: { requestsPerSecond: 10_000, ...options } });
}
beforeEach(() => open());

function call(method: string, path: string, body?: object, more: { key?: string; from?: string } = {}) {
  const { key = SIMULATOR_KEY, ...rest } = more;
  const headers = { authorization: `Bearer ${key}` };
  const text = body === undefined ? {} : { body: JSON.stringify(body) };
  const answer = core.handle({ method, path: `/v2${path}`, headers, ...text, ...rest });
  return { ...answer, json: answer.body === '' ? undefined : JSON.parse(answer.body) };
}

function order(given: object = {}): string {
  const { status, json } = call('POST', '/instances', { ...ORDER, ...given });
  expect(status).toBe(202);
  return json.instance.id;
}

function running(given: object = {}): string {
  const id = order(given);
  clock.advance(LONG_MS);
  return id;
}

const shown = (id: string) => call('GET', `/instances/${id}`).json.instance;
const refusal = (answer: ReturnType<typeof call>) => [answer.status, answer.json.error];

describe('a new instance', () => {
  test('is pending, locked, installing, ok, and only then has its addresses; its power is running all the while', () => {
    const id = order({ enable_ipv6: true });
    const seen: unknown[] = [];
    for (let second = 0; second <= 31; second++) {
      const { status, server_status, power_status, main_ip, v6_main_ip } = shown(id);
      const state = [status, server_status, power_status, main_ip === '0.0.0.0', v6_main_ip === ''].join(' ');
      if (seen.at(-1) !== state) seen.push(state);
      clock.advance(1_000);
    }
    expect(seen).toEqual([
      'pending none running true true',
      'active locked running true true',
      'active installingbooting running true true',
      'active ok running true true',
      'active ok running false false',
    ]);
  });

  test('tells its password with the order, and never again', () => {
    const { json } = call('POST', '/instances', ORDER);
    expect(json.instance.default_password).toHaveLength(16);
    clock.advance(LONG_MS);
    expect(JSON.stringify([shown(json.instance.id), call('GET', '/instances').json])).not.toContain(
      json.instance.default_password,
    );
  });

  test('may have the label and tags of another one, and both are listed by either', () => {
    const ids = [order(), order(), order({ label: 'two', tags: [] })];
    const listed = (query: string) =>
      call('GET', `/instances?${query}`).json.instances.map(({ id }: { id: string }) => id);
    expect(listed('tag=mine')).toEqual(ids.slice(0, 2));
    expect(listed('label=one')).toEqual(ids.slice(0, 2));
    expect(listed('')).toEqual(ids);
  });

  test('can be missing from lists that filter, for a while, and is there by its id, without tags', () => {
    core.faults.add({ call: 'POST /instances', fault: { kind: 'late-tags', ms: 5_000 } });
    const id = order();
    expect(call('GET', '/instances?tag=mine').json).toMatchObject({ instances: [], meta: { total: 0 } });
    expect(shown(id)).toMatchObject({ label: 'one', tags: [] });
    clock.advance(5_001);
    expect(call('GET', '/instances?tag=mine').json.meta.total).toBe(1);
  });

  test.each([
    [{ plan: 'no' }, 'Invalid plan.'],
    [{ region: 'no' }, 'Invalid region.'],
    [{ os_id: 99 }, 'Invalid os_id.'],
    [{ image_id: 'docker' }, 'Specify exactly one of os_id, image_id and snapshot_id.'],
    [{ plan: 'vc2-1c-0.5gb-v6' }, 'Server add failed: The selected plan is not available in this region.'],
    [{ user_data: 'not base64!' }, 'Invalid user_data: is not base64'],
  ])('is refused with a text: %j', (given, text) => {
    expect(refusal(call('POST', '/instances', { ...ORDER, ...given }))).toEqual([400, text]);
    expect(core.account.instances.size).toBe(0);
  });

  test('is refused above the account’s limit, and where the stock is gone', () => {
    open({ maxInstances: 1 });
    core.admin.setStock('vc2-1c-1gb', 'fra', 'sold-out');
    expect(call('POST', '/instances', { ...ORDER, region: 'fra' }).json.error).toContain('not available');
    expect(call('GET', '/regions/fra/availability').json.available_plans).not.toContain('vc2-1c-1gb');
    order();
    expect(refusal(call('POST', '/instances', ORDER))).toEqual([
      400,
      'Server add failed: You have reached the maximum number of active instances for this account.',
    ]);
  });
});

describe('an instance that is', () => {
  test('pending or locked cannot be deleted, halted or started; the refusal has status 500', () => {
    const id = order();
    expect(refusal(call('DELETE', `/instances/${id}`))[1]).toContain('not currently active');
    clock.advance(13_000);
    for (const [method, path] of [
      ['DELETE', ''],
      ['POST', '/halt'],
      ['POST', '/start'],
    ] as const) {
      const [status, text] = refusal(call(method, `/instances/${id}${path}`));
      expect([status, text]).toEqual([500, expect.stringContaining('Server is currently locked')]);
    }
    clock.advance(LONG_MS);
    expect(call('DELETE', `/instances/${id}`)).toMatchObject({ status: 204, body: '' });
    expect(refusal(call('DELETE', `/instances/${id}`))[1]).toContain('already pending destruction');
    expect(shown(id).id).toBe(id);
    clock.advance(5_000);
    expect(refusal(call('GET', `/instances/${id}`))).toEqual([404, 'Invalid instance.']);
  });

  test('running is restarted by a start, and pulled out by a halt', () => {
    const id = running();
    const before = core.account.instances.get(id)?.startedAt;
    expect(call('POST', `/instances/${id}/start`).status).toBe(204);
    clock.advance(5_000);
    expect(core.account.instances.get(id)?.startedAt).not.toBe(before);
    expect(call('POST', `/instances/${id}/halt`).status).toBe(204);
    clock.advance(3_000);
    expect(shown(id)).toMatchObject({ status: 'active', power_status: 'stopped' });
  });
});

describe('lists', () => {
  test('come 100 at a time and 500 at most, by a cursor that others do not move', () => {
    const ids = Array.from({ length: 250 }, (_, at) => core.admin.addForeign({ label: `n${at}` }));
    const first = call('GET', '/instances').json;
    expect([first.instances.length, first.meta.total]).toEqual([100, 250]);
    core.admin.lose(ids[3] ?? '');
    const second = call('GET', `/instances?cursor=${encodeURIComponent(first.meta.links.next)}`).json;
    expect(second.instances[0].id).toBe(ids[100]);
    expect(call('GET', '/instances?per_page=900').json.meta.links.next).toBe('');
    expect(call('GET', '/instances?per_page=x').status).toBe(400);
  });
});

describe('traffic', () => {
  test('is counted by the UTC day, and shown as far back as is asked for', () => {
    open({ bytesInPerSecond: 1, bytesOutPerSecond: 2 });
    const id = running();
    clock.advance(3 * 86_400_000);
    const days = (range: string) => call('GET', `/instances/${id}/bandwidth${range}`).json.bandwidth;
    const all = Object.values(days('')) as { incoming_bytes: number; outgoing_bytes: number }[];
    expect(all).toHaveLength(4);
    expect(all[1]).toEqual({ incoming_bytes: 86_400, outgoing_bytes: 172_800 });
    expect(Object.keys(days('?date_range=1'))).toHaveLength(2);
    expect(call('GET', `/instances/${id}/bandwidth?date_range=61`).status).toBe(400);
  });
});

describe('who may ask', () => {
  test('is whoever has a key, from an address that is allowed; the catalogue is open', () => {
    expect(refusal(call('GET', '/instances', undefined, { key: 'wrong' }))).toEqual([401, 'Invalid API token.']);
    core.admin.allowFrom(['192.0.2.1']);
    expect(refusal(call('GET', '/account'))).toEqual([401, 'Unauthorized IP address: 203.0.113.9']);
    expect(call('GET', '/account', undefined, { from: '192.0.2.1' }).status).toBe(200);
    expect(call('GET', '/plans', undefined, { key: '' }).status).toBe(200);
  });

  test('is refused the thirty-first time in a second', () => {
    open({ requestsPerSecond: 30 });
    const statuses = Array.from({ length: 31 }, () => call('GET', '/regions').status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(30);
    expect(statuses.at(-1)).toBe(429);
    clock.advance(1_000);
    expect(call('GET', '/regions').status).toBe(200);
  });

  test('cannot tell a path that does not exist from a thing that does not', () => {
    expect(refusal(call('GET', '/servers', undefined, { key: '' }))).toEqual([404, 'Invalid path.']);
    expect(call('PATCH', '/instances/x').status).toBe(405);
  });
});

describe('faults', () => {
  test('strike the call that they name, after those that are let pass, and no misspelt one', () => {
    core.faults.add({ call: 'GET /instances', skip: 1, fault: { kind: 'list-empty' } });
    order();
    const totals = [1, 2, 3].map(() => call('GET', '/instances').json.meta.total);
    expect(totals).toEqual([1, 0, 1]);
    expect(() => core.faults.add({ call: 'GET /instance', fault: { kind: 'hang' } })).toThrow('serves no call');
  });

  test.each(['drop-after', 'truncate', 'garbage', 'hang'] as const)('%s is done all the same', (kind) => {
    core.faults.add({ call: 'POST /instances', fault: { kind } });
    core.handle({
      method: 'POST',
      path: '/v2/instances',
      headers: { authorization: `Bearer ${SIMULATOR_KEY}` },
      body: JSON.stringify(ORDER),
    });
    expect(core.account.instances.size).toBe(1);
  });

  test('stays-off makes one that is there, and off', () => {
    core.faults.add({ call: 'POST /instances', fault: { kind: 'stays-off' } });
    expect(shown(running())).toMatchObject({ status: 'active', server_status: 'ok', power_status: 'stopped' });
  });
});
