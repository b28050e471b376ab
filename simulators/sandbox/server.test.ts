import { randomUUID } from 'node:crypto';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/ports/clock.ts';
import { systemRandom } from '../../src/ports/random.ts';
import { ORDER } from './caller.ts';
import { createSandboxCore } from './core.ts';
import type { Fault } from './faults.ts';
import { type SandboxServer, startSandbox } from './server.ts';

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Answer {
  readonly status: number;
  readonly body: string;
}

interface Call {
  readonly body?: string;
  readonly headers?: IncomingHttpHeaders;
  readonly signal?: AbortSignal;
}

/** One request on a connection of its own. */
function send(server: SandboxServer, method: string, path: string, call: Call = {}): Promise<Answer> {
  const { body, headers, signal } = call;
  const at = server.url === undefined ? { socketPath: server.socketPath } : { port: new URL(server.url).port };
  return new Promise((resolve, reject) => {
    const options = { ...at, method, path, agent: false, ...(headers && { headers }), ...(signal && { signal }) };
    request(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
      response.on('error', reject);
    })
      .on('error', reject)
      .end(body);
  });
}

function core(chaos?: () => Fault) {
  const made = createSandboxCore({ clock: systemClock, random: systemRandom, ...(chaos && { chaos }) });
  cleanups.push(() => made.close());
  return made;
}

async function serve(given: Partial<Parameters<typeof startSandbox>[0]> = {}) {
  const sandbox = given.core ?? core();
  const server = await startSandbox({ core: sandbox, listen: { port: 0 }, ssh: 'none', ...given });
  cleanups.push(() => server.close());
  return { core: sandbox, server };
}

const order = JSON.stringify(ORDER);
const socketPath = (): string => join(tmpdir(), `dc-sandbox-${randomUUID()}.sock`);

describe('the sandbox over HTTP', () => {
  test('takes calls and gives their answers', async () => {
    const { server } = await serve();
    const made = await send(server, 'POST', '/machines', { body: order });
    expect(made.status).toBe(201);
    const { id } = JSON.parse(made.body);
    expect(JSON.parse((await send(server, 'GET', `/machines/${id}`)).body)).toMatchObject({ id, name: 'one' });
    expect((await send(server, 'GET', '/machines/no')).status).toBe(404);
  });

  test.each(['refuse', 'drop-before', 'drop-after', 'truncate'] as const)('%s breaks the connection', async (kind) => {
    const { core: sandbox, server } = await serve();
    sandbox.faults.add({ call: 'create', fault: { kind } });
    await expect(send(server, 'POST', '/machines', { body: order })).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(sandbox.machines.size).toBe(kind === 'drop-after' || kind === 'truncate' ? 1 : 0);
    expect((await send(server, 'GET', '/about')).status).toBe(200);
  });

  test('hang: says nothing until the caller leaves', async () => {
    const { core: sandbox, server } = await serve();
    sandbox.faults.add({ call: 'create', fault: { kind: 'hang' } });
    const patience = new AbortController();
    const hanging = send(server, 'POST', '/machines', { body: order, signal: patience.signal });
    const processed = new Promise<void>((resolve) => cleanups.push(sandbox.onChange(() => resolve())));
    await processed;
    patience.abort();
    await expect(hanging).rejects.toMatchObject({ code: 'ABORT_ERR' });
  });

  test('a late request is processed though its caller has gone', async () => {
    const patience = new AbortController();
    const { core: sandbox, server } = await serve({
      core: core(() => {
        patience.abort();
        return { kind: 'delay', ms: 20, at: 'before' };
      }),
    });
    const made = new Promise<void>((resolve) => cleanups.push(sandbox.onChange(() => resolve())));
    const given = send(server, 'POST', '/machines', { body: order, signal: patience.signal });
    await expect(given).rejects.toMatchObject({ code: 'ABORT_ERR' });
    await made;
    expect(sandbox.machines.size).toBe(1);
  });

  test('does not read a body without end', async () => {
    const { core: sandbox, server } = await serve();
    const flood = send(server, 'POST', '/machines', { body: 'x'.repeat(3 * 1024 * 1024) });
    await expect(flood).rejects.toThrow();
    expect(sandbox.calls.create).toBe(0);
  });

  test('ends with calls under way', async () => {
    const { server } = await serve({
      core: core(() => {
        void server.close();
        return { kind: 'hang' };
      }),
    });
    await expect(send(server, 'GET', '/about')).rejects.toMatchObject({ code: 'ECONNRESET' });
    await server.close();
  });
});

describe('the socket', () => {
  test('is for its owner alone, and goes with the server', async () => {
    const path = socketPath();
    const { server } = await serve({ listen: { socketPath: path } });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect((await send(server, 'GET', '/about')).status).toBe(200);
    await server.close();
    expect(existsSync(path)).toBe(false);
  });

  test('that a dead process left is taken over', async () => {
    const path = socketPath();
    writeFileSync(path, '');
    const { server } = await serve({ listen: { socketPath: path } });
    expect((await send(server, 'GET', '/about')).status).toBe(200);
  });

  test('on which another sandbox answers is left to it', async () => {
    const path = socketPath();
    const { server } = await serve({ listen: { socketPath: path } });
    await expect(serve({ listen: { socketPath: path } })).rejects.toThrow('another sandbox is listening');
    expect((await send(server, 'GET', '/about')).status).toBe(200);
  });
});

describe('the admin calls', () => {
  const admin = async (server: SandboxServer, verb: string, body: object = {}, headers = {}) => {
    const { status, body: text } = await send(server, 'POST', `/__admin/${verb}`, {
      body: JSON.stringify(body),
      headers,
    });
    return { status, json: JSON.parse(text) };
  };

  test('arm faults and take them back', async () => {
    const { server } = await serve();
    const rule = { call: 'about', times: 2, fault: { kind: 'status', status: 503, retryAfterSeconds: 1 } };
    expect(await admin(server, 'fault', rule)).toEqual({ status: 200, json: { done: true } });
    expect((await send(server, 'GET', '/about')).status).toBe(503);
    await admin(server, 'clear-faults');
    expect((await send(server, 'GET', '/about')).status).toBe(200);
  });

  test('work while the sandbox plays dead', async () => {
    const { server } = await serve();
    await admin(server, 'reachable', { reachable: false });
    await expect(send(server, 'GET', '/about')).rejects.toMatchObject({ code: 'ECONNRESET' });
    await admin(server, 'reachable', { reachable: true });
    expect((await send(server, 'GET', '/about')).status).toBe(200);
  });

  test('change machines, and show the truth about them', async () => {
    const { core: sandbox, server } = await serve();
    const { json } = await admin(server, 'add-foreign', { name: 'dc-01', labels: { who: 'x' } });
    const { id } = json;
    await admin(server, 'power-off', { id });
    await admin(server, 'set-labels', { id, labels: { who: 'y' } });
    await admin(server, 'add-traffic', { id, bytesIn: 5, bytesOut: 6 });
    const twin = (await admin(server, 'duplicate', { id })).json.id;
    await admin(server, 'give-id-to-stranger', { id: twin });
    const shown = JSON.parse((await send(server, 'GET', '/__admin/machines')).body);
    expect(shown).toMatchObject([
      { id, name: 'dc-01', labels: { who: 'y' }, state: 'stopped', node: 'node-1' },
      { id: twin, name: 'somebody-elses', labels: {} },
    ]);
    await admin(server, 'lose', { id });
    expect(sandbox.machines.has(id)).toBe(false);
    await admin(server, 'lose-node', { node: 'node-1' });
    expect(JSON.parse((await send(server, 'GET', '/machines')).body)).toEqual({ complete: false, machines: [] });
    await admin(server, 'return-node', { node: 'node-1', rebooted: true });
    expect(sandbox.machines.get(twin)?.state).toBe('stopped');
  });

  test.each<[string, object, number, string]>([
    ['explode', {}, 404, 'Unknown verb "explode". Known: fault, '],
    ['constructor', {}, 404, 'Unknown verb'],
    ['lose', { id: 'no' }, 400, 'no machine no'],
    ['lose', {}, 400, 'id'],
    ['fault', { call: 'about', fault: { kind: 'explode' } }, 400, 'kind'],
    ['fault', { call: 'about', fault: { kind: 'status', status: 200 } }, 400, 'status'],
  ])('%s %j is refused with %i', async (verb, body, status, text) => {
    const { server } = await serve();
    const refused = await admin(server, verb, body);
    expect(refused.status).toBe(status);
    expect(refused.json.error).toContain(text);
  });

  test('are not for web pages', async () => {
    const { server } = await serve();
    expect((await admin(server, 'clear-faults', {}, { origin: 'http://example.org' })).status).toBe(403);
  });
});
