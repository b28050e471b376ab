import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../ports/clock.ts';
import type { AgentId } from '../ports/ids.ts';
import { createHttpTransport, type HttpTransport } from './http-transport.ts';
import { platformHealth } from './liveness.ts';
import { type RegistrationAnswer, registerAgent } from './register.ts';
import { failure, json, startTestServer, success, type TestServer, text } from './test-server.ts';

const agent = 'a0'.repeat(32) as AgentId;
const TOKEN = 'apt_europe_0123456789abcdef';

let server: TestServer;
let transport: HttpTransport;
beforeEach(async () => {
  server = await startTestServer();
  transport = createHttpTransport({ endpoint: server.endpoint, name: 'test' });
});
afterEach(async () => {
  await transport.close();
  await server.close();
});
const register = (): Promise<RegistrationAnswer> => registerAgent(transport, systemClock, ` ${TOKEN}\n`, agent);

describe('registering', () => {
  it('sends token and key, unsigned, and learns provider and pool', async () => {
    server.answer = success({
      providerPubkey: 'AB'.repeat(32),
      poolId: 'p-1',
      poolName: 'P',
      permissions: ['provision'],
      extra: 1,
    });
    expect(await register()).toEqual({
      outcome: 'registered',
      registration: { providerPubkey: 'ab'.repeat(32), poolId: 'p-1', poolName: 'P', permissions: ['provision'] },
    });
    expect(server.received[0]).toMatchObject({ method: 'POST', path: '/api/v1/agents/setup' });
    expect(server.received[0]?.body).toBe(`{"token":"${TOKEN}","agentPubkey":"${agent}"}`);
    expect(server.received[0]?.headers).not.toHaveProperty('x-signature');
  });

  it.each([
    ['Setup token already used', { outcome: 'used' }],
    ['Setup token expired', { outcome: 'expired' }],
    ['Invalid setup token', { outcome: 'invalid' }],
    ['Failed to create delegation: x', { outcome: 'refused', text: 'Failed to create delegation: x' }],
    [`no such ${TOKEN}`, { outcome: 'refused', text: 'no such ••••' }],
  ])('understands "%s"', async (words, expected) => {
    server.answer = failure(words);
    expect(await register()).toEqual(expected);
  });

  it.each<[string, TestServer['answer']]>([
    ['the connection drops', (response) => response.destroy()],
    ['the server fails', text(500, 'Internal error')],
    ['a proxy answers', text(502, '<html>Bad gateway</html>', { 'content-type': 'text/html' })],
    ['the answer is no registration', success({ poolId: 'p-1' })],
  ])('does not know the outcome when %s', async (_, answer) => {
    server.answer = answer;
    expect(await register()).toMatchObject({ outcome: 'unknown-outcome', error: { name: 'PlatformError' } });
    expect(server.received).toHaveLength(1);
  });

  it('throws when the token is certainly untouched', async () => {
    server.answer = text(429, '', { 'retry-after': '60' });
    await expect(register()).rejects.toMatchObject({ kind: 'throttled' });
    await server.close();
    await expect(register()).rejects.toMatchObject({ kind: 'unreachable' });
  });
});

describe('asking whether the platform is up', () => {
  it('tells its environment and its time', async () => {
    server.answer = json({ success: true, message: 'fine\n', environment: 'prod' });
    const health = await platformHealth(transport);
    expect(health).toMatchObject({ message: 'fine', environment: 'prod' });
    expect(Math.abs(health.skew?.skewMs ?? Number.NaN)).toBeLessThanOrEqual((health.skew?.uncertaintyMs ?? 0) + 1);
    expect(health.serverTime).toBeTypeOf('number');
    expect(server.received[0]).toMatchObject({ method: 'GET', path: '/api/v1/health' });
  });

  it.each<[string, TestServer['answer'], string]>([
    ['it says no', json({ success: false }), 'protocol'],
    ['something else answers', text(200, '<html>', { 'content-type': 'text/html' }), 'protocol'],
    ['it is down', text(503, 'no'), 'server'],
  ])('throws when %s', async (_, answer, kind) => {
    server.answer = answer;
    await expect(platformHealth(transport)).rejects.toMatchObject({ kind });
  });
});
