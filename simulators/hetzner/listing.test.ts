import { describe, expect, test } from 'vitest';
import { createCaller, type Thing } from './caller.ts';

const names = (things: readonly Thing[] = []): unknown[] => things.map(({ name }) => name);

describe('a list', () => {
  test('comes 25 at a time, at most 50, with the way to the next page in body and header', () => {
    const { call, order } = createCaller();
    for (let count = 0; count < 60; count++) order();
    const first = call('GET', '/servers');
    expect(names(first.json.servers)).toHaveLength(25);
    expect(first.json.meta?.pagination).toEqual({
      page: 1,
      per_page: 25,
      previous_page: null,
      next_page: 2,
      last_page: 3,
      total_entries: 60,
    });
    expect(first.headers.link).toContain('page=2&per_page=25>; rel="next"');
    expect(names(call('GET', '/servers?per_page=100').json.servers)).toHaveLength(50);
    const last = call('GET', '/servers?page=3');
    expect(names(last.json.servers)).toHaveLength(10);
    expect(last.json.meta?.pagination?.next_page).toBeNull();
    expect(names(call('GET', '/servers?page=9').json.servers)).toEqual([]);
  });

  test('of system images, of types and of everything per architecture fills more than one page', () => {
    const { call } = createCaller();
    for (const path of ['/images?type=system', '/server_types']) {
      expect(call('GET', path).json.meta?.pagination?.next_page).toBe(2);
    }
    expect(names(call('GET', '/images?name=debian-13').json.images)).toEqual(['debian-13', 'debian-13']);
    expect(names(call('GET', '/images?name=debian-13&architecture=arm').json.images)).toEqual(['debian-13']);
  });

  test('hides deprecated images unless asked for them', () => {
    const { call } = createCaller();
    expect(names(call('GET', '/images?name=debian-11').json.images)).toEqual([]);
    expect(names(call('GET', '/images?name=debian-11&include_deprecated=true').json.images)).toHaveLength(2);
  });

  test('takes repeated parameters and refuses brackets', () => {
    const { core, call, running } = createCaller();
    const [off] = [running(), running()];
    core.admin.powerOff(off);
    expect(names(call('GET', '/servers?status=off').json.servers)).toEqual(['server-1']);
    expect(names(call('GET', '/servers?status=off&status=running').json.servers)).toHaveLength(2);
    expect(call('GET', '/servers?status[]=off').status).toBe(422);
    expect(call('GET', '/actions?id[]=1').status).toBe(422);
    expect(call('GET', '/servers?status=gone').status).toBe(422);
  });

  test('is sorted as asked', () => {
    const { call, order } = createCaller();
    for (let count = 0; count < 3; count++) order();
    expect(names(call('GET', '/servers?sort=name:desc').json.servers)).toEqual(['server-3', 'server-2', 'server-1']);
    expect(call('GET', '/servers?sort=colour').status).toBe(422);
  });
});

describe('a label selector', () => {
  const { call, order } = createCaller();
  order({ labels: { env: 'production', team: 'a' } });
  order({ labels: { env: 'testing' } });
  order({ labels: { 'example.com/x': '' } });

  test.each([
    ['env', [1, 2]],
    ['!env', [3]],
    ['env=production', [1]],
    ['env==testing', [2]],
    ['env!=testing', [1, 3]],
    ['env in (testing, production)', [1, 2]],
    ['env notin (testing,staging)', [1, 3]],
    ['env in (testing,production),!team', [2]],
    ['example.com/x', [3]],
    ['example.com/x=', [3]],
    ['env,team=a', [1]],
  ])('%s', (text, expected) => {
    const { json } = call('GET', `/servers?label_selector=${encodeURIComponent(text)}`);
    expect(names(json.servers)).toEqual(expected.map((number) => `server-${number}`));
  });

  test.each(['a b', 'a=b:c', 'a in b', ',', 'a,,b', 'a=b=c', '='])('%s is refused, not ignored', (text) => {
    expect(call('GET', `/servers?label_selector=${encodeURIComponent(text)}`)).toMatchObject({
      status: 422,
      json: { error: { code: 'invalid_input' } },
    });
  });
});

describe('actions', () => {
  test('are told by id, all at once and without pages; unknown ids are left out', () => {
    const { call, order } = createCaller();
    const id = order();
    const [one, two] = call('GET', `/servers/${id}/actions`).json.actions ?? [];
    const { json } = call('GET', `/actions?id=${one?.id}&id=${two?.id}&id=77`);
    expect(Object.keys(json)).toEqual(['actions']);
    expect(json.actions).toMatchObject([{ id: one?.id }, { id: two?.id }]);
  });

  test('of a server that has gone are told by id alone', () => {
    const { core, call, order } = createCaller();
    const id = order();
    const [action] = call('GET', `/servers/${id}/actions`).json.actions ?? [];
    core.admin.lose(id);
    expect(call('GET', `/servers/${id}/actions`).json.error?.code).toBe('not_found');
    expect(call('GET', `/actions/${action?.id}`).json.action).toMatchObject({ status: 'error' });
  });

  test.each(['/actions', '/datacenters', '/datacenters/1'])('GET %s is gone for good', (path) => {
    const { status, json } = createCaller().call('GET', path);
    expect(status).toBe(410);
    expect(json.error).toMatchObject({
      code: 'deprecated_api_endpoint',
      details: { announcement: expect.any(String) },
    });
  });

  test('that were dropped are unknown by every way, and do their work', () => {
    const { core, clock, call, order, get } = createCaller();
    core.faults.add({ call: 'POST /servers', fault: { kind: 'forget-action', command: 'start_server' } });
    const id = order();
    const [only, ...others] = call('GET', `/servers/${id}/actions`).json.actions ?? [];
    expect(others).toEqual([]);
    expect(call('GET', `/actions/${(only?.id ?? 0) + 1}`).status).toBe(404);
    clock.advance(20_000);
    expect(get(id).status).toBe('running');
  });
});
