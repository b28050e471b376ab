import { createServer, type RequestListener, type Server } from 'node:http';
import { inspect } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { ProvisionerError, Secret, systemRandom } from '../../src/provisioner/index.ts';
import { createBudget } from './budget.ts';
import { type Call, createClient } from './client.ts';
import { fastClock } from './fixtures.ts';
import { httpsTransport } from './transport.ts';

const KEY = 'QWERTYUIOP-not-of-36';
let server: Server | undefined;
let close: (() => Promise<void>) | undefined;
let asked: string[] = [];

afterEach(end);

async function end(): Promise<void> {
  await close?.();
  server?.closeAllConnections();
  server?.close();
}

/** A client of a server of the test's own; answers in order, the last one for ever. */
async function clientOf(...answers: RequestListener[]) {
  await end();
  asked = [];
  const own = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const next = answers.length > 1 ? answers.shift() : answers[0];
    next?.(request, response);
  });
  server = own;
  await new Promise<void>((resolve) => own.listen(0, '127.0.0.1', resolve));
  return clientAt(portOf(own));
}

function portOf(listening: Server | undefined): number {
  const address = listening?.address();
  if (typeof address === 'object' && address !== null) return address.port;
  throw new Error('the server does not listen');
}

async function clientAt(port: number) {
  const opened = await httpsTransport(`http://127.0.0.1:${port}/v2`);
  close = opened.close;
  const clock = fastClock(100);
  const budget = createBudget({ clock, random: systemRandom, perSecond: 10 });
  const key = new Secret(KEY);
  return createClient({ transport: opened.transport, budget, clock, random: systemRandom, key, timeoutMs: 30_000 });
}

const say =
  (status: number, body: unknown): RequestListener =>
  (_, response) => {
    response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
  };
const error = (status: number, text = 'words') => say(status, { error: text, status });
const breakOff: RequestListener = (request) => request.socket.destroy();
const never: RequestListener = () => {};

const call = (more: Partial<Call<unknown>> = {}): Call<unknown> => ({
  doing: 'do this',
  method: 'GET',
  path: '/things',
  lane: 'make',
  answer: z.object({ fine: z.literal(true) }),
  signal: new AbortController().signal,
  ...more,
});
const post = (more: Partial<Call<unknown>> = {}) =>
  call({ method: 'POST', body: {}, lost: 'unknown-outcome', ...more });

async function thrownBy(promise: Promise<unknown>): Promise<ProvisionerError> {
  const thrown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (thrown instanceof ProvisionerError) return thrown;
  throw new Error('something else than a ProvisionerError', { cause: thrown });
}

describe('a call', () => {
  test('carries the key and escapes values', async () => {
    let authorization: string | undefined;
    const client = await clientOf((request, response) => {
      ({ authorization } = request.headers);
      response.end('{"fine":true}');
    });
    const query = [['cursor', 'bmV4dA=='] as const];
    expect(await client.call(call({ query }))).toEqual({ ok: true, value: { fine: true } });
    expect([asked, authorization]).toEqual([['GET /v2/things?cursor=bmV4dA%3D%3D'], `Bearer ${KEY}`]);
  });

  test('that reads is repeated when something fails or the connection breaks', async () => {
    const client = await clientOf(say(502, '<html>'), breakOff, error(500), say(200, { fine: true }));
    expect(await client.call(call())).toMatchObject({ ok: true });
    expect(asked).toHaveLength(4);
  });

  test('that changes something is sent once, and its outcome is unknown', async () => {
    for (const trouble of [breakOff, say(502, '<html>'), error(500), error(503), never]) {
      const client = await clientOf(trouble);
      expect(await thrownBy(client.call(post()))).toMatchObject({ kind: 'unknown-outcome' });
      expect(asked).toHaveLength(1);
    }
  });

  test('that was one too many is repeated, whatever it is', async () => {
    const client = await clientOf(error(429), say(200, { fine: true }));
    expect(await client.call(post())).toMatchObject({ ok: true });
    const refusing = await clientOf(error(429));
    expect(await thrownBy(refusing.call(post()))).toMatchObject({ kind: 'throttled', retryAfterMs: 5_000 });
    expect(asked).toHaveLength(4);
  });

  test('that never left is known to have changed nothing', async () => {
    await clientOf(never);
    const port = portOf(server);
    await end();
    const client = await clientAt(port);
    expect(await thrownBy(client.call(post()))).toMatchObject({ kind: 'retry' });
  });

  test('is not sent when it was cancelled before, and ends soon when it is cancelled later', async () => {
    const cancel = new AbortController();
    const client = await clientOf((request) => {
      request.resume();
      cancel.abort(new Error('enough'));
    });
    expect(await thrownBy(client.call(post({ signal: cancel.signal })))).toMatchObject({ kind: 'unknown-outcome' });
    expect(await thrownBy(client.call(post({ signal: cancel.signal })))).toMatchObject({ kind: 'retry' });
    expect(asked).toHaveLength(1);
  });

  test('that is cancelled right after it was begun does not wait for its answer', async () => {
    const client = await clientOf(never);
    const cancel = new AbortController();
    const ending = thrownBy(client.call(call({ signal: cancel.signal })));
    cancel.abort(new Error('enough'));
    expect((await ending).message).toMatch(/^(Cancelled|Did not)/);
  });

  test('whose answer cannot be read is as good as lost', async () => {
    const client = await clientOf(say(202, '{"fi'));
    expect(await thrownBy(client.call(post()))).toMatchObject({ kind: 'unknown-outcome' });
  });
});

describe('a refusal', () => {
  test.each([
    [400, 'config'],
    [401, 'config'],
    [402, 'config'],
    [403, 'config'],
    [404, 'config'],
    [405, 'config'],
    [409, 'retry'],
    [418, 'config'],
    [423, 'retry'],
    [501, 'retry'],
  ])('of status %i is %s, with its text', async (status, kind) => {
    const client = await clientOf(error(status));
    const thrown = await thrownBy(client.call(post({ lost: 'retry' })));
    expect(thrown).toMatchObject({ kind });
    expect(thrown.message).toContain(`HTTP ${status}: words`);
  });

  test('of a key says that its address may be the reason', async () => {
    const client = await clientOf(error(401, 'Unauthorized IP address: 203.0.113.9'));
    const { message } = await thrownBy(client.call(post()));
    expect(message).toContain('203.0.113.9');
    expect(message).toContain('Access Control');
  });

  test('by something that is not the API is known as such', async () => {
    for (const body of ['not found', '{"error":"gone"}', '[]', '', '{"error":"x","status":500}']) {
      const client = await clientOf(say(404, body));
      const answer = await client.call(post({ expects: ({ status, isApis }) => status === 404 && !isApis }));
      expect(answer).toMatchObject({ ok: false, refusal: { isApis: false } });
    }
  });
});

test('no text of any error holds the key, a private key, or what was sent', async () => {
  const secret = Buffer.from('planted planted planted planted planted').toString('base64');
  const text = `bad ${KEY} -----BEGIN KEY-----\nabc and ${secret}`;
  for (const trouble of [error(429, text), error(400, text), error(500, text), breakOff]) {
    const client = await clientOf(trouble);
    const thrown = await thrownBy(client.call(post({ body: { user_data: secret } })));
    const shown = inspect(thrown, { depth: 10, showHidden: true });
    for (const each of [KEY, 'abc', secret]) expect(shown).not.toContain(each);
  }
});
