import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { signedMessage, verifySignature } from '../identity/sign.ts';
import type { PlatformApi, PlatformErrorKind } from './api.ts';
import type { PlatformClient } from './client.ts';
import { contract, PROVIDER, startTestBench, type TestBench } from './test-client.ts';
import { json, type Received, success, type TestServer, text } from './test-server.ts';

let bench: TestBench;
let server: TestServer;
let client: PlatformClient;
beforeEach(async () => {
  bench = await startTestBench();
  ({ server } = bench);
  client = bench.client();
});
afterEach(() => bench.close());

describe('every call', () => {
  type Row = [name: string, call: (api: PlatformApi) => Promise<unknown>, line: string, body: string, data: unknown];
  const rental = `/api/v1/provider/rental-requests/${contract}`;
  const rows: Row[] = [
    [
      'heartbeat',
      (api) => api.heartbeat({ version: '1.0.0', activeContracts: 2 }),
      `POST /api/v1/providers/${PROVIDER.toLowerCase()}/heartbeat`,
      '{"version":"1.0.0","provisionerType":null,"capabilities":null,"activeContracts":2}',
      {},
    ],
    [
      'pendingProvision',
      (api) => api.pendingProvision(),
      `GET /api/v1/providers/${PROVIDER.toLowerCase()}/contracts/pending-provision`,
      '',
      [],
    ],
    [
      'acquireLock',
      (api) => api.acquireLock(contract),
      `POST /api/v1/providers/${PROVIDER.toLowerCase()}/contracts/${contract}/lock`,
      '',
      { acquired: false },
    ],
    [
      'releaseLock',
      (api) => api.releaseLock(contract),
      `DELETE /api/v1/providers/${PROVIDER.toLowerCase()}/contracts/${contract}/lock`,
      '',
      true,
    ],
    [
      'reportProvisioning',
      (api) => api.reportProvisioning(contract),
      `PUT ${rental}/provisioning`,
      '{"status":"provisioning","instanceDetails":""}',
      'ok',
    ],
    [
      'reportFailed',
      (api) => api.reportFailed(contract, 'no\0 room'),
      `PUT ${rental}/provisioning`,
      '{"status":"provisioning_failed","instanceDetails":"no room"}',
      'ok',
    ],
    [
      'reportTerminated',
      (api) => api.reportTerminated(contract),
      `PUT /api/v1/providers/${PROVIDER.toLowerCase()}/contracts/${contract}/terminated`,
      '',
      true,
    ],
    [
      'reconcile',
      (api) =>
        api.reconcile([
          { externalId: 'a', contractId: contract },
          { externalId: 'b', contractId: null },
        ]),
      `POST /api/v1/providers/${PROVIDER.toLowerCase()}/reconcile`,
      `{"runningInstances":[{"externalId":"a","contractId":"${contract}"},{"externalId":"b","contractId":null}]}`,
      { keep: [] },
    ],
    [
      'reportHealth',
      (api) =>
        api.reportHealth(contract, { checkedAt: 1_767_225_600_123, status: 'unhealthy', latencyMs: 1.5, details: 'x' }),
      `POST /api/v1/contracts/${contract}/health`,
      '{"checkedAt":1767225600123000000,"status":"unhealthy","latencyMs":1,"details":"x"}',
      { id: 1 },
    ],
    [
      'pendingPasswordResets',
      (api) => api.pendingPasswordResets(),
      `GET /api/v1/providers/${PROVIDER.toLowerCase()}/contracts/pending-password-reset`,
      '',
      [],
    ],
    [
      'completePasswordReset',
      (api) => api.completePasswordReset(contract, 'pw'),
      `PUT ${rental}/password`,
      '{"newPassword":"pw"}',
      'ok',
    ],
    [
      'pendingKeyRotations',
      (api) => api.pendingKeyRotations(),
      `GET /api/v1/providers/${PROVIDER.toLowerCase()}/contracts/pending-ssh-key-rotation`,
      '',
      [],
    ],
    ['completeKeyRotation', (api) => api.completeKeyRotation(contract), `PUT ${rental}/ssh-key-rotation`, '', 'ok'],
    [
      'registerGateway',
      (api) => api.registerGateway('dc-1'),
      'POST /api/v1/agents/gateway/register',
      '{"dcId":"dc-1"}',
      { acmeDnsServerUrl: 'u', acmeDnsUsername: 'n', acmeDnsPassword: 'p', acmeDnsSubdomain: 's' },
    ],
    [
      'createDns',
      (api) => api.createDns({ slug: 'abc123', dcId: 'dc-1', publicIp: '192.0.2.1' }),
      'POST /api/v1/agents/dns',
      '{"action":"create","slug":"abc123","dcId":"dc-1","publicIp":"192.0.2.1"}',
      { subdomain: 's' },
    ],
    [
      'deleteDns',
      (api) => api.deleteDns({ slug: 'abc123', dcId: 'dc-1' }),
      'POST /api/v1/agents/dns',
      '{"action":"delete","slug":"abc123","dcId":"dc-1"}',
      { subdomain: 's' },
    ],
    [
      'agentStatus',
      (api) => api.agentStatus(),
      `GET /api/v1/providers/${PROVIDER.toLowerCase()}/agent-status`,
      '',
      { online: true },
    ],
  ];

  it.each(rows)('%s is sent as the platform wants it, signed', async (_, call, line, body, data) => {
    server.answer = success(data);
    await call(client);
    const [request] = server.received;
    if (!request) throw new Error('nothing was sent');
    expect(`${request.method} ${request.path}`).toBe(line);
    expect(request.body).toBe(body);
    expect(request.headers['content-type']).toBe(body === '' ? undefined : 'application/json');
    expect(isSigned(request)).toBe(true);
  });

  it.each(rows)('%s turns every kind of failure into its error', async (_, call) => {
    const html = { 'content-type': 'text/html' };
    const table: [TestServer['answer'], PlatformErrorKind, number?][] = [
      [text(400, 'parse request payload error: missing field'), 'bug'],
      [text(401, 'Request timestamp expired (max 5 minutes)'), 'clock-skew'],
      [text(401, "Invalid signature: No active delegation found for agent key 'ab'"), 'unauthorized'],
      [text(403, 'CORS'), 'protocol'],
      [text(404, 'not found'), 'bug'],
      [text(404, '<html>Not here</html>', html), 'protocol'],
      [text(405, 'method not allowed'), 'bug'],
      [text(415, 'unsupported'), 'bug'],
      [text(302, '', { location: 'https://login.example.org' }), 'protocol'],
      [text(500, 'Internal error: database'), 'server'],
      [text(502, '<html><h1>Bad Gateway</h1></html>', html), 'server'],
      [text(204, ''), 'protocol'],
      [text(200, '<html>Please log in</html>', html), 'protocol'],
      [text(200, '{"success":true,"data":{}}'), 'protocol'],
      [text(200, '{"success":true,"da', { 'content-type': 'application/json' }), 'protocol'],
      [text(200, '{}', { 'content-type': 'application/json', 'content-encoding': 'gzip' }), 'protocol'],
      [json({ success: true }), 'protocol'],
      [json({ success: true, message: 'ok', environment: 'prod' }), 'protocol'],
      [json({ success: 1, data: {} }), 'protocol'],
      [json(null), 'protocol'],
      [(response) => response.destroy(), 'unreachable'],
      [(response) => response.writeHead(200, { 'content-length': 2 ** 40 }).flushHeaders(), 'unreachable'],
      [(response) => response.socket?.end('HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{'), 'unreachable'],
    ];
    for (const [answer, kind] of table) {
      server.answer = answer;
      const before = server.received.length;
      // A client of its own: so many writes in a row would meet the budget of the one for all.
      await expect(call(bench.client())).rejects.toMatchObject({ name: 'PlatformError', kind });
      expect(server.received).toHaveLength(before + 1);
    }
  });

  it('has a deadline', async () => {
    server.answer = () => {};
    await expect(bench.client({ timeoutMs: 50 }).acquireLock(contract)).rejects.toMatchObject({ kind: 'unreachable' });
    await expect(bench.client({ timeoutMs: 50 }).heartbeat({ version: '1', activeContracts: 0 })).rejects.toMatchObject(
      {
        kind: 'unreachable',
      },
    );
  });

  it('ends when its caller aborts it, before or after sending', async () => {
    const controller = new AbortController();
    server.answer = () => controller.abort(new Error('shutting down'));
    const error = expect.objectContaining({
      kind: 'unreachable',
      cause: expect.objectContaining({ message: 'shutting down' }),
    });
    await expect(client.acquireLock(contract, controller.signal)).rejects.toEqual(error);
    await expect(client.acquireLock(contract, controller.signal)).rejects.toEqual(error);
    expect(server.received).toHaveLength(1);
  });

  it('keeps silent after a 429, for as long as the platform asked', async () => {
    server.answer = text(429, 'slow down', { 'retry-after': '60', 'x-ratelimit-tier': 'standard' });
    const throttled = { kind: 'throttled', retryAfterMs: 60_000 };
    await expect(client.acquireLock(contract)).rejects.toMatchObject(throttled);
    await expect(client.heartbeat({ version: '1', activeContracts: 0 })).rejects.toMatchObject({ kind: 'throttled' });
    await expect(client.releaseLock(contract)).rejects.toMatchObject({ kind: 'throttled' });
    expect(server.received).toHaveLength(1);
    server.answer = success([]);
    await client.pendingProvision();
  });

  it('passes on how long an overloaded platform wants to be left alone', async () => {
    server.answer = text(503, 'busy', { 'retry-after': '20' });
    await expect(client.acquireLock(contract)).rejects.toMatchObject({ kind: 'server', retryAfterMs: 20_000 });
    server.answer = text(503, 'busy');
    await expect(client.acquireLock(contract)).rejects.toMatchObject({ kind: 'server', retryAfterMs: undefined });
  });

  it.each([
    ['seconds beyond reason', { 'retry-after': '999999' }, 900_000],
    ['a date', { date: 'Thu, 01 Jan 2026 12:00:00 GMT', 'retry-after': 'Thu, 01 Jan 2026 12:00:30 GMT' }, 30_000],
    ['nothing', {}, 60_000],
    ['nonsense', { 'retry-after': 'soon' }, 60_000],
  ])('understands a 429 with %s', async (_, headers, retryAfterMs) => {
    server.answer = text(429, '', headers);
    await expect(client.acquireLock(contract)).rejects.toMatchObject({ kind: 'throttled', retryAfterMs });
  });

  it('tells how far the clocks are apart', async () => {
    const tenMinutesAgo = new Date(Date.now() - 600_000).toUTCString();
    server.answer = text(401, 'Request timestamp expired (max 5 minutes)', { date: tenMinutesAgo });
    expect(client.skew()).toBeUndefined();
    await expect(client.acquireLock(contract)).rejects.toMatchObject({ kind: 'clock-skew' });
    const { skewMs, uncertaintyMs } = client.skew() ?? { skewMs: 0, uncertaintyMs: 0 };
    expect(Math.abs(skewMs - 600_000)).toBeLessThanOrEqual(uncertaintyMs + 1000);
  });
});

function isSigned({ method, path, headers, body }: Received): boolean {
  const value = (name: string): string => String(headers[name]);
  const message = signedMessage({ timestamp: value('x-timestamp'), nonce: value('x-nonce'), method, path, body });
  expect(value('x-timestamp')).toMatch(/^\d{19}$/);
  expect(headers).not.toHaveProperty('x-public-key');
  return verifySignature(value('x-agent-pubkey'), message, value('x-signature'));
}
