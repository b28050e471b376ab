import { createServer, type RequestListener, type Server } from 'node:http';
import { inspect } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { ProvisionerError, Secret, systemRandom } from '../../src/provisioner/index.ts';
import { createBudget } from './budget.ts';
import { type Call, createClient } from './client.ts';
import { fastClock } from './fixtures.ts';
import { httpsTransport } from './transport.ts';

const TOKEN = `${'q'.repeat(50)}-not-of-64`;
let server: Server | undefined;
let close: (() => Promise<void>) | undefined;
let asked: string[] = [];

afterEach(async () => {
  await close?.();
  server?.closeAllConnections();
  server?.close();
});

/** A client of a server of the test's own; answers in order, the last one for ever. */
async function clientOf(...answers: RequestListener[]) {
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
  const opened = await httpsTransport(`http://127.0.0.1:${port}/v1`);
  close = opened.close;
  const clock = fastClock(100);
  const budget = createBudget({ clock, random: systemRandom, reserve: 0 });
  const token = new Secret(TOKEN);
  return createClient({ transport: opened.transport, budget, clock, random: systemRandom, token, timeoutMs: 30_000 });
}

const say =
  (status: number, body: unknown): RequestListener =>
  (_, response) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    response.writeHead(status, { 'x-correlation-id': 'trace7' }).end(text);
  };
const error = (status: number, code: string, message = 'words', details: unknown = null) =>
  say(status, { error: { code, message, details } });
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
  test('carries the token, repeats list parameters and escapes values', async () => {
    let authorization: string | undefined;
    const client = await clientOf((request, response) => {
      ({ authorization } = request.headers);
      response.end('{"fine":true}');
    });
    const query = [
      ['id', '1'],
      ['id', '2'],
      ['label_selector', 'a/b==c d'],
    ] as const;
    expect(await client.call(call({ query }))).toEqual({ ok: true, value: { fine: true } });
    expect(asked).toEqual(['GET /v1/things?id=1&id=2&label_selector=a%2Fb%3D%3Dc%20d']);
    expect(authorization).toBe(`Bearer ${TOKEN}`);
  });

  test('that reads is repeated when a gateway fails or the connection breaks', async () => {
    const client = await clientOf(say(502, '<html>Bad Gateway</html>'), breakOff, say(200, { fine: true }));
    expect(await client.call(call())).toMatchObject({ ok: true });
    expect(asked).toHaveLength(3);
  });

  test('that changes something is sent once, and its outcome is unknown', async () => {
    for (const trouble of [
      breakOff,
      say(502, '<html>'),
      error(500, 'server_error'),
      error(422, 'service_error'),
      never,
    ]) {
      const client = await clientOf(trouble);
      expect(await thrownBy(client.call(post()))).toMatchObject({ kind: 'unknown-outcome' });
      expect(asked).toHaveLength(1);
      await close?.();
      server?.closeAllConnections();
    }
  });

  test('that was not processed is repeated, whatever it is', async () => {
    const client = await clientOf(error(409, 'conflict'), error(429, 'rate_limit_exceeded'), say(200, { fine: true }));
    expect(await client.call(post())).toMatchObject({ ok: true });
    expect(asked).toHaveLength(3);
  });

  test('that never left is known to have changed nothing', async () => {
    await clientOf(never);
    const port = portOf(server);
    await new Promise((resolve) => server?.close(resolve));
    await close?.();
    const client = await clientAt(port);
    expect(await thrownBy(client.call(post()))).toMatchObject({ kind: 'retry' });
  });

  test('is not sent when it was cancelled before, and ends soon when it is cancelled later', async () => {
    const cancel = new AbortController();
    const client = await clientOf((request) => {
      request.resume();
      cancel.abort(new Error('enough'));
    });
    const ending = client.call(post({ signal: cancel.signal }));
    expect(await thrownBy(ending)).toMatchObject({ kind: 'unknown-outcome' });
    expect(await thrownBy(client.call(post({ signal: cancel.signal })))).toMatchObject({ kind: 'retry' });
    expect(asked).toHaveLength(1);
  });

  test('whose answer cannot be read is as good as lost', async () => {
    const client = await clientOf(say(201, '{"fi'));
    expect(await thrownBy(client.call(post()))).toMatchObject({ kind: 'unknown-outcome' });
  });
});

describe('a refusal', () => {
  test.each([
    [401, 'unauthorized', 'config'],
    [401, 'token_readonly', 'config'],
    [403, 'forbidden', 'config'],
    [403, 'resource_limit_exceeded', 'capacity'],
    [412, 'resource_unavailable', 'capacity'],
    [422, 'placement_error', 'capacity'],
    [422, 'invalid_input', 'permanent'],
    [400, 'json_error', 'permanent'],
    [423, 'locked', 'retry'],
    [423, 'protected', 'config'],
    [503, 'unavailable', 'retry'],
    [403, 'maintenance', 'retry'],
    [410, 'deprecated_api_endpoint', 'config'],
    [404, 'not_found', 'config'],
    [422, 'a_code_of_tomorrow', 'retry'],
    [418, 'constructor', 'retry'],
  ])('of %i %s is %s', async (status, code, kind) => {
    const client = await clientOf(error(status, code));
    const thrown = await thrownBy(client.call(post({ lost: 'retry' })));
    expect(thrown).toMatchObject({ kind });
    expect(thrown.message).toContain(`${code}: words (correlation id trace7)`);
  });

  test('that is expected is given back, with the fields that it is about', async () => {
    const client = await clientOf(error(422, 'invalid_input', 'no', { fields: [{ name: 'image', messages: ['x'] }] }));
    const answer = await client.call(post({ expects: ['invalid_input'] }));
    expect(answer).toMatchObject({ ok: false, refusal: { code: 'invalid_input', fields: ['image'] } });
  });

  test('by something that is not the API has no code, whatever its status', async () => {
    for (const body of ['not found', '{"error":"not_found"}', '[]', '']) {
      const client = await clientOf(say(404, body));
      expect(await thrownBy(client.call(call({ expects: ['not_found'] })))).toMatchObject({ kind: 'config' });
      await close?.();
      server?.closeAllConnections();
    }
  });

  test('for too many requests ends as throttled after some tries', async () => {
    const client = await clientOf(error(429, 'rate_limit_exceeded'));
    expect(await thrownBy(client.call(call()))).toMatchObject({ kind: 'throttled', retryAfterMs: 5_000 });
  });
});

test('no text of any error holds the token, or a key that was sent', async () => {
  const message = `limit reached for token '${TOKEN}' -----BEGIN KEY-----\nabc`;
  for (const trouble of [error(429, 'rate_limit_exceeded', message), error(422, 'invalid_input', message), breakOff]) {
    const client = await clientOf(trouble);
    const thrown = await thrownBy(client.call(post({ body: { user_data: 'planted' } })));
    const text = inspect(thrown, { depth: 10, showHidden: true });
    expect(text).not.toContain(TOKEN);
    expect(text).not.toContain('abc');
    expect(text).not.toContain('planted');
    await close?.();
    server?.closeAllConnections();
  }
});
