import { request } from 'undici';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/ports/clock.ts';
import { systemRandom } from '../../src/ports/random.ts';
import { ORDER } from './caller.ts';
import { createHetznerCore, type HetznerCore } from './core.ts';
import type { Fault } from './faults.ts';
import { SIMULATOR_TOKEN } from './options.ts';
import { type HetznerServer, startHetzner } from './server.ts';

let core: HetznerCore;
let server: HetznerServer;
beforeEach(async () => {
  core = createHetznerCore({ clock: systemClock, random: systemRandom, options: { speed: 100 } });
  server = await startHetzner({ core });
});
afterEach(async () => {
  await server.close();
  core.close();
});

async function send(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object, signal?: AbortSignal) {
  const response = await request(`${server.endpoint}${path}`, {
    method,
    headers: { authorization: `Bearer ${SIMULATOR_TOKEN}`, 'content-type': 'application/json' },
    ...(body ? { body: JSON.stringify(body) } : {}),
    ...(signal ? { signal } : {}),
  });
  return { status: response.statusCode, headers: response.headers, text: await response.body.text() };
}

async function admin(verb: string, body: object, headers: Record<string, string> = {}) {
  const response = await request(`${server.endpoint.replace('/v1', '')}/__admin/${verb}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers,
  });
  return { status: response.statusCode, json: (await response.body.json()) as Record<string, unknown> };
}

describe('over real HTTP', () => {
  test('a server is ordered, and 204 has no body', async () => {
    const { status, headers } = await send('POST', '/servers', ORDER);
    expect(status).toBe(201);
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'ratelimit-limit': '3600' });
    const made = await send('POST', '/firewalls', { name: 'web' });
    const { firewall } = JSON.parse(made.text) as { firewall: { id: number } };
    const gone = await send('DELETE', `/firewalls/${firewall.id}`);
    expect(gone).toMatchObject({ status: 204, text: '' });
    expect(gone.headers).not.toHaveProperty('content-length');
  });

  test.each<[Fault['kind'], number]>([
    ['refuse', 0],
    ['drop-before', 0],
    ['drop-after', 1],
    ['truncate', 1],
  ])('%s breaks the connection', async (kind, servers) => {
    core.faults.add({ call: 'POST /servers', fault: { kind } as Fault });
    await expect(send('POST', '/servers', ORDER)).rejects.toThrow(/closed|reset|terminated|ECONN/i);
    expect(core.project.servers.size).toBe(servers);
  });

  test('hang leaves the caller waiting', async () => {
    core.faults.add({ call: 'POST /servers', fault: { kind: 'hang' } });
    const patience = new AbortController();
    core.onExchange(() => patience.abort(new Error('enough')));
    await expect(send('POST', '/servers', ORDER, patience.signal)).rejects.toThrow('enough');
    expect(core.project.servers.size).toBe(1);
  });

  test('a delayed answer comes', async () => {
    core.faults.add({ call: 'GET /locations', fault: { kind: 'delay', ms: 20 } });
    core.faults.add({ call: 'GET /locations', fault: { kind: 'delay', ms: 20, at: 'before' } });
    expect([(await send('GET', '/locations')).status, (await send('GET', '/locations')).status]).toEqual([200, 200]);
  });
});

describe('the back door', () => {
  test('arms faults, and tells what is wrong with a rule', async () => {
    expect(await admin('fault', { call: 'GET /locations', fault: { kind: 'error', code: 'unavailable' } })).toEqual({
      status: 200,
      json: { done: true },
    });
    expect((await send('GET', '/locations')).status).toBe(503);
    expect((await admin('fault', { call: 'GET /location', fault: { kind: 'hang' } })).json.error).toContain('no call');
    expect((await admin('fault', { call: 'any', fault: { kind: 'flood' } })).status).toBe(400);
    await admin('fault', { call: 'any', fault: { kind: 'hang' } });
    await admin('clear-faults', {});
    expect((await send('GET', '/locations')).status).toBe(200);
  });

  test('bends the project, verb by verb', async () => {
    const { json } = await admin('add-foreign', { name: 'shop', running: false });
    const id = Number(json.id);
    for (const [verb, body] of [
      ['power-on', { id }],
      ['power-off', { id }],
      ['set-labels', { id, labels: { a: 'b' } }],
      ['set-guest', { id, agent: false, acpi: false, boots: true }],
      ['lock', { id, ms: 1 }],
      ['block', { id, blocked: true }],
      ['add-traffic', { id, bytesIn: 1, bytesOut: 2 }],
      ['know-traffic', { id, known: false }],
      ['set-stock', { type: 'cx23', location: 'fsn1', stock: 'sold-out' }],
      ['set-limits', { servers: 1 }],
      ['spend-requests', { count: 10 }],
      ['reachable', { reachable: false }],
      ['reachable', { reachable: true }],
      ['make-read-only', { token: SIMULATOR_TOKEN }],
      ['revoke', { token: SIMULATOR_TOKEN }],
    ] as const) {
      expect([verb, (await admin(verb, body)).status]).toEqual([verb, 200]);
    }
    const truth = await request(`${server.endpoint.replace('/v1', '')}/__admin/servers`);
    expect(await truth.body.json()).toMatchObject([{ id, name: 'shop', status: 'off', labels: { a: 'b' } }]);
    await admin('lose', { id });
    expect(core.project.servers.size).toBe(0);
    expect(await admin('lose', { id })).toMatchObject({ status: 400 });
    expect((await admin('dance', {})).json.error).toContain('Known: fault');
  });

  test('is closed to web pages', async () => {
    expect((await admin('reachable', { reachable: false }, { origin: 'https://example.org' })).status).toBe(403);
    expect(core.admin.reachable).toBe(true);
  });
});
