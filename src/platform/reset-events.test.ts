import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSigner, signedMessage, verifySignature } from '../identity/sign.ts';
import { systemClock } from '../ports/clock.ts';
import type { ContractId } from '../ports/ids.ts';
import { systemRandom } from '../ports/random.ts';
import { Secret } from '../ports/secret.ts';
import type { PlatformErrorKind } from './api.ts';
import { createBudget, createUnlimitedBudget } from './budget.ts';
import { createHttpTransport, type HttpTransport } from './http-transport.ts';
import { passwordResetEvents } from './reset-events.ts';
import { startTestServer, success, type TestServer, text } from './test-server.ts';

const provider = 'ab'.repeat(32);
const path = `/api/v1/providers/${provider}/password-reset-events`;
const contract = 'c0'.repeat(32);
const HEADERS = { 'content-type': 'text/event-stream' };

let server: TestServer;
let transport: HttpTransport;
beforeEach(async () => {
  server = await startTestServer();
  transport = createHttpTransport({ endpoint: server.endpoint, name: 'test', connections: 1 });
});
afterEach(async () => {
  await transport.close();
  await server.close();
});

function events(
  signal = new AbortController().signal,
  budget = createUnlimitedBudget(systemClock),
): AsyncGenerator<readonly ContractId[]> {
  const { stream } = transport;
  const signer = createSigner(new Secret('d2'.repeat(32)));
  const deps = { stream, signer, providerPubkey: provider.toUpperCase(), clock: systemClock, random: systemRandom };
  return passwordResetEvents({ ...deps, budget }, signal);
}

function event(data: unknown): string {
  return `event: password-reset-count\ndata: ${JSON.stringify(data)}\n\n`;
}

function streaming(body: string, then: (response: ServerResponse) => void): TestServer['answer'] {
  return (response) => {
    response.writeHead(200, HEADERS);
    response.write(body, () => then(response));
  };
}

describe('the stream of password resets', () => {
  it('is opened signed, by headers and not by the address', async () => {
    server.answer = text(200, '', HEADERS);
    expect(await events().next()).toEqual({ done: true, value: undefined });
    const [request] = server.received;
    const value = (name: string): string => String(request?.headers[name]);
    const parts = { timestamp: value('x-timestamp'), nonce: value('x-nonce'), method: 'GET', path };
    expect(request).toMatchObject({ method: 'GET', path, body: '' });
    expect(verifySignature(value('x-agent-pubkey'), signedMessage(parts), value('x-signature'))).toBe(true);
  });

  it('tells whose resets are pending, in either spelling, past comments and events of other kinds', async () => {
    const body = [
      event({ count: 0, contract_ids: [] }),
      ':\n\n',
      'event: other\ndata: not json\n\n',
      event({ count: 3, contractIds: [contract, 'nope', 7] }),
    ];
    server.answer = text(200, body.join(''), HEADERS);
    const seen: unknown[] = [];
    for await (const contracts of events()) seen.push(contracts);
    expect(seen).toEqual([[], [contract]]);
  });

  it('frees its connection when nobody reads on', async () => {
    let closed: Promise<unknown> | undefined;
    server.answer = streaming(event({ contract_ids: [] }), (response) => {
      closed = once(response, 'close');
    });
    for await (const contracts of events()) {
      expect(contracts).toEqual([]);
      break;
    }
    await closed;
  });

  it('ends when its caller aborts it, before or after it was opened', async () => {
    const controller = new AbortController();
    server.answer = streaming(event({ contract_ids: [] }), () => {});
    const stream = events(controller.signal);
    await stream.next();
    controller.abort(new Error('shutting down'));
    const error = { name: 'PlatformError', kind: 'unreachable', cause: { message: 'shutting down' } };
    await expect(stream.next()).rejects.toMatchObject(error);
    await expect(events(controller.signal).next()).rejects.toMatchObject(error);
    expect(server.received).toHaveLength(1);
  });

  it.each<[string, TestServer['answer'], PlatformErrorKind]>([
    ['a foreign key', text(403, 'Forbidden'), 'refused'],
    ['an unknown delegation', text(401, 'Invalid signature: No active delegation'), 'unauthorized'],
    ['a wrong clock', text(401, 'Request timestamp expired (max 5 minutes)'), 'clock-skew'],
    ['no such route', text(404, 'not found'), 'bug'],
    ['a page', text(200, '<html></html>', { 'content-type': 'text/html' }), 'protocol'],
    ['an envelope', success([]), 'protocol'],
    ['an overloaded proxy', text(502, '<html></html>'), 'server'],
    ['a page without end', (response) => void response.writeHead(500).write('x'.repeat(10_000)), 'server'],
    ['no answer', (response) => response.destroy(), 'unreachable'],
    ['a drop within', streaming('event: x\n', (response) => response.destroy()), 'unreachable'],
    ['an event that is not JSON', text(200, 'event: password-reset-count\ndata: {\n\n', HEADERS), 'protocol'],
    ['an event without its list', text(200, event({ count: 1 }), HEADERS), 'protocol'],
    ['an event without end', text(200, `data: ${'x'.repeat(1024 * 1024 + 1)}`, HEADERS), 'protocol'],
  ])('fails on %s with the error that it is', async (_, answer, kind) => {
    server.answer = answer;
    await expect(events().next()).rejects.toMatchObject({ name: 'PlatformError', kind });
  });

  it('makes every lane wait after a 429', async () => {
    server.answer = text(429, '', { 'retry-after': '60' });
    const budget = createBudget({ clock: systemClock });
    await expect(events(undefined, budget).next()).rejects.toMatchObject({ kind: 'throttled', retryAfterMs: 60_000 });
    expect(budget.waitMs('read', 'report')).toBeGreaterThan(50_000);
    await expect(events(undefined, budget).next()).rejects.toMatchObject({ kind: 'throttled' });
    expect(server.received).toHaveLength(1);
  });
});
