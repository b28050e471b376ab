import { describe, expect, test } from 'vitest';
import { createCaller, ORDER } from './caller.ts';
import type { Fault } from './faults.ts';

describe('a fault', () => {
  test.each<[Fault['kind'], delivery: string, servers: number]>([
    ['refuse', 'refuse', 0],
    ['drop-before', 'drop', 0],
    ['drop-after', 'drop', 1],
    ['truncate', 'truncate', 1],
    ['hang', 'hang', 1],
    ['hang-before', 'hang', 0],
  ])('%s', (kind, delivery, servers) => {
    const { core, call } = createCaller();
    core.faults.add({ call: 'POST /servers', fault: { kind } as Fault });
    expect(call('POST', '/servers', ORDER).delivery).toBe(delivery);
    expect(core.project.servers.size).toBe(servers);
    expect(call('GET', '/servers').delivery).toBe('answer');
  });

  test.each([true, undefined] as const)('html-502 (processed: %s) is a web page', (processed) => {
    const { core, call } = createCaller();
    core.faults.add({ call: 'POST /servers', fault: { kind: 'html-502', ...(processed ? { processed } : {}) } });
    const { status, headers, body } = call('POST', '/servers', ORDER);
    expect([status, headers['content-type'], body.slice(0, 6)]).toEqual([502, 'text/html', '<html>']);
    expect(core.project.servers.size).toBe(processed ? 1 : 0);
  });

  test.each([
    ['service_error', 422],
    ['conflict', 409],
    ['timeout', 504],
    ['maintenance', 403],
  ] as const)('error %s comes with its status, processed or not', (code, status) => {
    const { core, call } = createCaller();
    core.faults.add({ call: 'POST /servers', fault: { kind: 'error', code, processed: true } });
    expect(call('POST', '/servers', ORDER)).toMatchObject({ status, json: { error: { code } } });
    expect(core.project.servers.size).toBe(1);
  });

  test('garbage is processed and cannot be read', () => {
    const { core, call } = createCaller();
    core.faults.add({ call: 'POST /servers', fault: { kind: 'garbage' } });
    const { status, body } = call('POST', '/servers', ORDER);
    expect(status).toBe(201);
    expect(() => JSON.parse(body)).toThrow(SyntaxError);
    expect(core.project.servers.size).toBe(1);
  });

  test('slow makes an action take its time', () => {
    const { core, clock, order, get } = createCaller();
    core.faults.add({ call: 'POST /servers', fault: { kind: 'slow', command: 'create_server', ms: 600_000 } });
    const id = order();
    clock.advance(599_999);
    expect(get(id).status).toBe('initializing');
    clock.advance(3_001);
    expect(get(id).status).toBe('running');
  });

  test('delay before holds the request back, and the order is as late as its answer', () => {
    const { core, call } = createCaller();
    core.faults.add({ call: 'POST /servers', fault: { kind: 'delay', ms: 500, at: 'before' } });
    const { delayMs, resume } = call('POST', '/servers', ORDER);
    expect([delayMs, core.project.servers.size]).toEqual([500, 0]);
    expect(resume?.().status).toBe(201);
    expect(core.project.servers.size).toBe(1);
  });

  test('list-empty and list-stale lie, and nothing shows it', () => {
    const { core, call, order } = createCaller();
    order();
    const before = call('GET', '/servers').body;
    order();
    core.faults.add({ call: 'GET /servers', fault: { kind: 'list-stale' } });
    expect(call('GET', '/servers').body).toBe(before);
    core.faults.add({ call: 'GET /servers', fault: { kind: 'list-empty' } });
    expect(call('GET', '/servers')).toMatchObject({ status: 200, json: { servers: [] } });
  });

  test('strikes the calls that match, after those to skip, as often as told', () => {
    const { core, call } = createCaller();
    core.faults.add({ call: 'any', match: 'cx23', skip: 1, times: 2, fault: { kind: 'html-502' } });
    const statuses = [1, 2, 3, 4].map(() => call('GET', '/server_types?name=cx23').status);
    expect([call('GET', '/locations').status, ...statuses]).toEqual([200, 200, 502, 502, 200]);
    expect(core.faults.pending).toBe(0);
  });

  test('on a call that is not served is a mistake of the test, and said', () => {
    const { core } = createCaller();
    expect(() => core.faults.add({ call: 'POST /server', fault: { kind: 'hang' } })).toThrow("no call 'POST /server'");
  });

  test('can be left to chance', () => {
    const asked: string[] = [];
    const { call } = createCaller({
      chaos(name) {
        asked.push(name);
        return name === 'GET /locations' ? { kind: 'html-502' } : undefined;
      },
    });
    expect([call('GET', '/locations').status, call('GET', '/servers/5').status]).toEqual([502, 404]);
    expect(asked).toEqual(['GET /locations', 'GET /servers/{id}']);
  });
});

describe('behind the API’s back', () => {
  test('a provider that plays dead refuses everybody, and its servers run on', () => {
    const { core, call, running, get } = createCaller();
    const id = running();
    core.admin.setReachable(false);
    expect(call('GET', '/servers').delivery).toBe('refuse');
    core.admin.setReachable(true);
    expect(get(id).status).toBe('running');
  });

  test('a server of the owner’s stands beside ours', () => {
    const { core, get } = createCaller();
    const id = core.admin.addForeign({ name: 'shop', labels: { who: 'me' }, running: false });
    expect(get(id)).toMatchObject({ name: 'shop', labels: { who: 'me' }, status: 'off', locked: false });
  });

  test('a server disappears, in the middle of whatever it did, and its actions end', () => {
    const { core, clock, call, order } = createCaller();
    const id = order();
    clock.advance(8_500);
    core.admin.lose(id);
    clock.advance(60_000);
    expect(call('GET', `/servers/${id}`).json.error?.code).toBe('not_found');
    expect(call('GET', '/servers/actions?status=running').json.actions).toEqual([]);
    expect(() => core.admin.lose(id)).toThrow(`server with ID '${id}' not found`);
  });

  test('somebody else’s action locks a server for a while', () => {
    const { core, clock, call, running, get } = createCaller();
    const id = running();
    core.admin.lock(id, 30_000);
    expect(get(id).locked).toBe(true);
    expect(call('DELETE', `/servers/${id}`).json.error?.code).toBe('locked');
    clock.advance(30_000);
    expect(call('DELETE', `/servers/${id}`).status).toBe(200);
  });
});
