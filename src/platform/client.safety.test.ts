import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../ports/clock.ts';
import { createUnlimitedBudget, type RateBudget } from './budget.ts';
import { contract, SEED, startTestBench, type TestBench } from './test-client.ts';
import { json, startTestServer, success, type TestServer, text } from './test-server.ts';

const BEAT = { version: '1.0.0', activeContracts: 0 };
const UNLIMITED = { budget: createUnlimitedBudget(systemClock) };

let bench: TestBench;
let server: TestServer;
beforeEach(async () => {
  bench = await startTestBench({ connections: 1 });
  ({ server } = bench);
});
afterEach(() => bench.close());

describe('a heartbeat', () => {
  it('passes when the rate budget is spent', async () => {
    server.answer = success({ subdomain: 's' });
    const client = bench.client();
    let refused: unknown;
    for (let sent = 0; sent < 61 && refused === undefined; sent++) {
      refused = await client.reportTerminated(contract).then(
        () => undefined,
        (error: unknown) => error,
      );
    }
    expect(refused).toMatchObject({ name: 'PlatformError', kind: 'throttled' });
    const before = server.received.length;
    for (let beat = 0; beat < 4; beat++) await client.heartbeat(BEAT);
    expect(server.received.slice(before).map(({ path }) => path.split('/').at(-1))).toEqual(Array(4).fill('heartbeat'));
  });

  it('passes while every connection for work hangs', async () => {
    server.answer = (response, request) => {
      if (request.path.endsWith('/heartbeat')) success({ nextHeartbeatSeconds: 60 })(response, request);
    };
    const client = bench.client(UNLIMITED);
    const stuck = Promise.allSettled([1, 2, 3].map(() => client.reportTerminated(contract)));
    expect(await client.heartbeat(BEAT)).toEqual({ nextHeartbeatSeconds: 60 });
    await bench.transport.close();
    expect((await stuck).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  });
});

describe('what may be seen of a failure', () => {
  it('holds neither the agent key nor a signature, which could be replayed for minutes', async () => {
    const echo: TestServer['answer'] = (response, { headers, body }) =>
      text(400, `bad request: ${body}`, { 'x-echo': String(headers['x-signature']) })(response, {
        method: '',
        path: '',
        headers,
        body,
      });
    const answers: TestServer['answer'][] = [
      echo,
      text(401, 'Request timestamp expired (max 5 minutes)'),
      text(502, '<html></html>', { 'content-type': 'text/html' }),
      text(302, '', { location: '/elsewhere' }),
      json({ success: false, error: 'no' }),
      json({ success: true }),
      (response) => response.destroy(),
      (response) => response.writeHead(200, { 'content-length': '100' }).write('{', () => response.destroy()),
    ];
    const client = bench.client(UNLIMITED);
    let shown = '';
    for (const answer of answers) {
      server.answer = answer;
      const error: unknown = await client.heartbeat(BEAT).then(
        () => 'no error',
        (cause: unknown) => cause,
      );
      expect(error).toMatchObject({ name: 'PlatformError' });
      shown += inspect(error, { depth: null, showHidden: true }) + JSON.stringify(error) + String(error);
      if (error instanceof Error) shown += error.stack;
    }
    shown += inspect(client, { depth: null, showHidden: true }) + JSON.stringify(client) + bench.logged();
    expect(server.received).toHaveLength(answers.length);
    expect(shown).not.toContain(SEED);
    expect(shown).not.toContain(Buffer.from(SEED, 'hex').toString('base64').slice(0, 40));
    expect(shown).not.toContain([...Buffer.from(SEED, 'hex').subarray(0, 8)].join(', '));
    for (const { headers } of server.received) expect(shown).not.toContain(headers['x-signature']);
  });

  it('is whatever answers a redirect, which is not followed: no other server sees a signature', async () => {
    const elsewhere = await startTestServer();
    try {
      const client = bench.client(UNLIMITED);
      for (const status of [301, 302, 303, 307, 308]) {
        server.answer = text(status, '', { location: `${elsewhere.endpoint}/api/v1/x` });
        await expect(client.pendingProvision()).rejects.toMatchObject({ kind: 'protocol', status });
        await expect(client.acquireLock(contract)).rejects.toMatchObject({ kind: 'protocol', status });
      }
      expect(elsewhere.received).toEqual([]);
      expect(server.received).toHaveLength(10);
    } finally {
      await elsewhere.close();
    }
  });
});

describe('every attempt', () => {
  it('is signed afresh, with a nonce and a time of its own', async () => {
    server.answer = success(true);
    const client = bench.client(UNLIMITED);
    await client.reportTerminated(contract);
    await client.reportTerminated(contract);
    for (const name of ['x-nonce', 'x-signature']) {
      expect(new Set(server.received.map(({ headers }) => headers[name])).size).toBe(2);
    }
  });

  it('is signed at the moment of sending, not before the wait for the budget', async () => {
    let now = 1_000_000;
    let letGo = (): void => {};
    const gate = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const budget: RateBudget = { ...createUnlimitedBudget(systemClock), take: () => gate };
    server.answer = success(true);
    const clock = { ...systemClock, now: () => now };
    const sent = bench.client({ budget, clock }).reportTerminated(contract);
    now = 2_000_000;
    letGo();
    await sent;
    expect(server.received[0]?.headers['x-timestamp']).toBe('2000000000000');
  });
});
