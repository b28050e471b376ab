import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { manualClock } from '../../simulators/platform/manual-clock.ts';
import { Secret, silentLog } from '../../src/provisioner/index.ts';
import { createCall, type PveCall } from './call.ts';
import { type PveCredentials, path } from './call-request.ts';
import type { PveTransport } from './transport.ts';
import { data, scripted } from './transport-scripted.ts';

const signal = new AbortController().signal;
const token: PveCredentials = { how: 'token', id: 'a@pve!b', secret: new Secret('5ec2e7-0000') };
const READ = { doing: 'read a thing', method: 'GET', path: '/thing', effect: 'none', answer: z.number() } as const;
const AGAIN = { ...READ, doing: 'set a thing', method: 'PUT', effect: 'repeatable' } as const;
const ONCE = { ...READ, doing: 'make a thing', method: 'POST', effect: 'once' } as const;

function over(transport: PveTransport, credentials: PveCredentials = token) {
  const clock = manualClock();
  return { clock, call: createCall(transport, credentials, { clock, log: silentLog }) };
}

describe('a request', () => {
  test('of GET and DELETE has its parameters in the query, of POST and PUT as JSON, and no body without any', async () => {
    const host = scripted(() => data(1));
    const { call } = over(host);
    const params = { a: 'x y&z=;', b: true, c: undefined, d: 3, e: ['1', '2'] };
    await call({ ...READ, params }, signal);
    await call({ ...ONCE, method: 'DELETE', params: { purge: true } }, signal);
    await call({ ...ONCE, params }, signal);
    await call(ONCE, signal);
    expect(host.asked.map(({ method, path, body }) => ({ method, path, body }))).toEqual([
      { method: 'GET', path: '/api2/json/thing?a=x%20y%26z%3D%3B&b=1&d=3&e=1&e=2', body: undefined },
      { method: 'DELETE', path: '/api2/json/thing?purge=1', body: undefined },
      { method: 'POST', path: '/api2/json/thing', body: '{"a":"x y&z=;","b":1,"d":3,"e":["1","2"]}' },
      { method: 'POST', path: '/api2/json/thing', body: undefined },
    ]);
    expect(host.asked.map(({ headers }) => headers['content-type'])).toEqual([
      undefined,
      undefined,
      'application/json',
      undefined,
    ]);
  });

  test('carries a token, or a ticket with its second value on writes, or nothing', async () => {
    const host = scripted(() => data(1));
    await over(host).call(READ, signal);
    const ticket = { how: 'ticket', ticket: new Secret('PVE:root@pam:1::a+/='), csrf: new Secret('c5rf') } as const;
    await over(host, ticket).call(READ, signal);
    await over(host, ticket).call(ONCE, signal);
    await over(host, { how: 'none' }).call(ONCE, signal);
    const sent = host.asked.map(({ headers }) => Object.entries(headers).filter(([name]) => name !== 'accept'));
    expect(sent.map((headers) => Object.fromEntries(headers))).toEqual([
      { authorization: 'PVEAPIToken=a@pve!b=5ec2e7-0000' },
      { cookie: 'PVEAuthCookie=PVE%3Aroot%40pam%3A1%3A%3Aa%2B%2F%3D' },
      { cookie: 'PVEAuthCookie=PVE%3Aroot%40pam%3A1%3A%3Aa%2B%2F%3D', csrfpreventiontoken: 'c5rf' },
      {},
    ]);
  });

  test('has every part of its path encoded whole, and none that leads elsewhere', () => {
    expect(path`/nodes/${'pve'}/tasks/${'UPID:a:b@c!d/e'}/log`).toBe('/nodes/pve/tasks/UPID%3Aa%3Ab%40c!d%2Fe/log');
    for (const hostile of ['..', '.', '']) {
      expect(() => path`/pools/${hostile}`).toThrow(expect.objectContaining({ kind: 'config' }));
    }
  });
});

describe('an answer', () => {
  test('is checked and returned', async () => {
    const { call } = over(scripted(() => data(7)));
    expect(await call(READ, signal)).toBe(7);
  });

  test('tells why in its body, what is wrong with parameters too, and on old hosts in its reason phrase', async () => {
    const said = async (answer: object) => {
      const error: unknown = await over(scripted(() => answer))
        .call(ONCE, signal)
        .catch((thrown: unknown) => thrown);
      return error instanceof Error ? error.message : '';
    };
    const body = '{"data":null,"message":"Parameter verification failed.\\n","errors":{"size":"too small\\n"}}';
    expect(await said({ status: 400, statusText: 'Parameter verification failed.', body })).toBe(
      'Proxmox refused to make a thing: 400 Parameter verification failed. size: too small',
    );
    const odd = '{"data":null,"errors":{"size":{"toString":{}}}}';
    expect(await said({ status: 400, statusText: 'no', body: odd })).toContain('400 no size: {"toString":{}}');
    const old = { status: 500, statusText: 'VM is locked (clone)', body: '{"data":null}' };
    expect(await said(old)).toBe('Proxmox refused to make a thing: 500 VM is locked (clone)');
    expect(await said({ status: 596, statusText: 'Broken pipe', body: '', headers: {} })).toContain('596 Broken pipe');
  });

  test('that refuses parameters, in a body that cannot be read, fails no order', async () => {
    const answer = { status: 400, statusText: 'Parameter verification failed.' };
    const kindOf = async (body: string) => over(scripted(() => ({ ...answer, body }))).call(READ, signal);
    await expect(kindOf('{{"data":null,"errors":{"vmid":"VM 7 already')).rejects.toMatchObject({ kind: 'retry' });
    await expect(kindOf('{"data":null}')).rejects.toMatchObject({ kind: 'permanent' });
    await expect(kindOf('')).rejects.toMatchObject({ kind: 'permanent' });
  });

  test.each([
    ['a web page', { headers: { 'content-type': 'text/html' }, body: '<html>login</html>' }],
    ['a web page that says it is JSON', { body: '<html>login</html>' }],
    ['half a document', { body: '{"data":' }],
    ['nothing', { body: '' }],
    ['another type', data('seven')],
    ['no data', { body: '{}' }],
    ['a gateway’s page', { status: 504, statusText: 'x', headers: { 'content-type': 'text/html' }, body: '<html>' }],
  ])('that is not Proxmox’s leaves a write in the dark that must not be repeated: %s', async (_, answer) => {
    const { call } = over(scripted(() => answer));
    await expect(call(READ, signal)).rejects.toMatchObject({ kind: 'retry', reason: 'not-proxmox' });
    await expect(call(AGAIN, signal)).rejects.toMatchObject({ kind: 'retry', reason: 'not-proxmox' });
    await expect(call(ONCE, signal)).rejects.toMatchObject({ kind: 'unknown-outcome', reason: 'not-proxmox' });
  });

  test.each([
    ['redirect', { status: 301, statusText: 'Moved', headers: { location: 'https://elsewhere/' }, body: '' }],
    ['front proxy’s refusal', { status: 403, statusText: 'x', headers: { 'content-type': 'text/html' }, body: '<p>' }],
  ])('that is a %s means that nothing was done', async (_, answer) => {
    await expect(over(scripted(() => answer)).call(ONCE, signal)).rejects.toMatchObject({
      kind: 'retry',
      reason: 'not-proxmox',
    });
  });
});

describe('a secret', () => {
  test('shows in no text and no cause, though the host repeats it', async () => {
    const password = new Secret('hunter2 "x"');
    const echo = (request: { body?: string }) => ({
      status: 400,
      statusText: 'x',
      body: JSON.stringify({ message: `got 5ec2e7-0000 and hunter2 "x" in ${encodeURIComponent(request.body ?? '')}` }),
    });
    const host = scripted(echo);
    const error: unknown = await over(host)
      .call({ ...ONCE, params: { password } }, signal)
      .catch((thrown: unknown) => thrown);
    expect(host.asked[0]?.body).toBe('{"password":"hunter2 \\"x\\""}');
    expect(error).toBeInstanceOf(Error);
    const shown = `${String(error)} ${JSON.stringify(error)}`;
    expect(shown).not.toMatch(/hunter2 "|5ec2e7-0000/);
  });

  test('in an answer that cannot be read is not quoted', async () => {
    const { call } = over(scripted(() => ({ body: '{"data":{"value":"n3w-t0ken"' })));
    const error: unknown = await call(ONCE, signal).catch((thrown: unknown) => thrown);
    expect(error instanceof Error ? `${error.message} ${String(error.cause)}` : '').not.toContain('n3w-t0ken');
  });
});

describe('an exchange', () => {
  /** Takes the request and never answers. */
  const hanging = () =>
    scripted(
      ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
        }),
    );

  test.each([
    ['a read', READ, 'retry'],
    ['what may be repeated', AGAIN, 'retry'],
    ['what must not be repeated', ONCE, 'unknown-outcome'],
  ] as [string, PveCall<number>, string][])('has a deadline for its whole answer: %s', async (_, asked, kind) => {
    const host = hanging();
    const { call, clock } = over(host);
    const answer = call({ ...asked, timeoutMs: 5_000 }, signal);
    await expect.poll(() => host.asked.length).toBe(1);
    clock.advance(4_999);
    expect(host.asked[0]?.signal.aborted).toBe(false);
    clock.advance(1);
    await expect(answer).rejects.toMatchObject({ kind, message: expect.stringContaining('within 5 s') as string });
  });

  test('that is over has no deadline any more', async () => {
    const host = scripted(() => data(1));
    const { call, clock } = over(host);
    await call(READ, signal);
    clock.advance(600_000);
    expect(host.asked[0]?.signal.aborted).toBe(false);
  });

  test('that is cancelled before it is sent was not made; afterwards it may have been', async () => {
    const host = hanging();
    const { call } = over(host);
    const cancel = new AbortController();
    const sent = call(ONCE, cancel.signal);
    await expect.poll(() => host.asked.length).toBe(1);
    cancel.abort(new Error('enough'));
    await expect(sent).rejects.toMatchObject({ kind: 'unknown-outcome' });
    await expect(call(ONCE, cancel.signal)).rejects.toMatchObject({ kind: 'retry', reason: 'cancelled' });
    expect(host.asked).toHaveLength(1);
  });

  test('waits its turn in its lane, and one that is cancelled there was not made', async () => {
    const release: (() => void)[] = [];
    const host = scripted(() => new Promise((resolve) => release.push(() => resolve(data(1)))));
    const { call } = over(host);
    const lane = { name: 'narrow', width: 1 };
    const first = call({ ...ONCE, lane }, signal);
    const cancel = new AbortController();
    const second = call({ ...ONCE, lane }, cancel.signal);
    const third = call({ ...ONCE, lane }, signal);
    cancel.abort();
    await expect(second).rejects.toMatchObject({ kind: 'retry', reason: 'cancelled' });
    expect(host.asked).toHaveLength(1);
    release.shift()?.();
    expect(await first).toBe(1);
    await expect.poll(() => release.length).toBe(1);
    release.shift()?.();
    expect(await third).toBe(1);
    expect(host.asked).toHaveLength(2);
  });

  test('over a connection that was never made did nothing', async () => {
    const refused = scripted(() => Promise.reject(Object.assign(new Error('no'), { code: 'ECONNREFUSED' })));
    await expect(over(refused).call(ONCE, signal)).rejects.toMatchObject({ kind: 'retry', reason: 'unreachable' });
  });

  test('whose answer was lost is in the dark', async () => {
    const broken = scripted(() => Promise.reject(Object.assign(new Error('reset'), { code: 'ECONNRESET' })));
    await expect(over(broken).call(ONCE, signal)).rejects.toMatchObject({
      kind: 'unknown-outcome',
      reason: 'lost',
      message: 'Asked Proxmox to make a thing, its answer was lost: reset',
    });
    await expect(over(broken).call(AGAIN, signal)).rejects.toMatchObject({ kind: 'retry', reason: 'lost' });
  });
});
