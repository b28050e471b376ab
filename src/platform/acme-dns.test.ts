import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../ports/clock.ts';
import { askAboutAccount, publishChallenge } from './acme-dns.ts';
import type { PlatformErrorKind } from './api.ts';
import { createHttpTransport, type HttpTransport } from './http-transport.ts';
import { json, startTestServer, type TestServer, text } from './test-server.ts';

let server: TestServer;
let transport: HttpTransport;
beforeEach(async () => {
  server = await startTestServer();
  transport = createHttpTransport({ endpoint: `${server.endpoint}/api/v1/acme-dns`, name: 'acme-dns' });
});
afterEach(async () => {
  await transport.close();
  await server.close();
});

const publish = (): Promise<void> => {
  const account = { serverUrl: server.endpoint, username: 'user', password: 'geheim', subdomain: 'sub' };
  return publishChallenge(transport, systemClock, account, 'challenge');
};

describe('publishing a challenge', () => {
  it('is sent under the account of the gateway', async () => {
    server.answer = json({ txt: 'challenge' });
    await publish();
    const [request] = server.received;
    expect(request).toMatchObject({
      method: 'POST',
      path: '/api/v1/acme-dns/update',
      body: '{"subdomain":"sub","txt":"challenge"}',
      headers: { 'x-api-user': 'user', 'x-api-key': 'geheim', 'content-type': 'application/json' },
    });
    expect(request?.headers).not.toHaveProperty('x-signature');
  });

  it.each<[string, TestServer['answer'], PlatformErrorKind]>([
    ['another challenge', json({ txt: 'other' }), 'protocol'],
    ['nothing', json(null), 'protocol'],
    ['unknown credentials', text(401, '{"error":"no user with geheim"}'), 'unauthorized'],
    ['a bad user', text(400, '{"error":"bad UUID"}'), 'bug'],
    ['no upstream', text(500, '{"error":"Cloudflare"}'), 'server'],
    ['a dropped connection', (response) => response.destroy(), 'unreachable'],
  ])('fails on %s, and never shows the password', async (_, answer, kind) => {
    server.answer = answer;
    const error: unknown = await publish().catch((cause: unknown) => cause);
    expect(error).toMatchObject({ name: 'PlatformError', kind });
    expect(String(error)).not.toContain('geheim');
    expect(server.received).toHaveLength(1);
  });
});

describe('asking about an account', () => {
  const account = { serverUrl: '', username: 'user', password: 'geheim', subdomain: 'sub' };

  it.each([
    [400, 'taken'],
    [401, 'replaced'],
    [503, 'unknown'],
  ])('the answer %i means that it is %s', async (status, state) => {
    server.answer = text(status, '{"error":"no"}');
    expect(await askAboutAccount(transport, systemClock, account)).toMatchObject({ state });
    // Nothing that could be taken for a challenge.
    expect(server.received.map(({ body }) => body)).toEqual(['{"subdomain":"sub"}']);
  });

  it('says that it does not know where nobody answers', async () => {
    server.answer = (response) => response.destroy();
    expect(await askAboutAccount(transport, systemClock, account)).toMatchObject({ state: 'unknown' });
  });
});
