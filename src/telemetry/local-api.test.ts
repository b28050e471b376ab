import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AgentEvent } from './event-stream.ts';
import { followEvents } from './follow.ts';
import { type LocalApi, startLocalApi } from './local-api.ts';
import { AgentNotRunning, callLocalApi, readLocalStatus } from './local-client.ts';
import { type AgentStatusDocument, readiness } from './status.ts';

const healthy: AgentStatusDocument = {
  version: '1.2.3',
  pid: 1,
  startedAt: 1000,
  agent: 'a'.repeat(64),
  endpoint: 'https://example.org',
  stateDir: '/state',
  phase: 'running',
  platform: { state: 'ok' },
  targets: [{ name: 'lab', type: 'docker', state: 'ok', machines: 0, busy: 0, limit: 4 }],
  contracts: [],
  declined: [],
  breaker: { state: 'closed', held: [] },
  findings: [],
};

describe('the agent’s local door', () => {
  let directory: string;
  let socketPath: string;
  let api: LocalApi | undefined;
  let document: AgentStatusDocument;
  let publish: (event: AgentEvent) => void;
  const asked: unknown[] = [];

  const open = (): Promise<LocalApi> =>
    startLocalApi({
      socketPath,
      status: () => document,
      subscribe: (listener) => {
        publish = listener;
        return () => {};
      },
      actions: {
        approve: async (contracts) => {
          asked.push(contracts);
          return { ok: contracts.length > 0, text: 'approved' };
        },
        resetPassword: async (contract) => ({ ok: true, text: `new password for ${contract}` }),
        drain: async () => ({ ok: true, text: 'draining' }),
        resume: async () => {
          throw new Error('password=hunter22 broke');
        },
      },
    });

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'dc-door-'));
    socketPath = join(directory, 'agent.sock');
    document = healthy;
    asked.length = 0;
    api = await open();
  });
  afterEach(async () => {
    await api?.close();
    await rm(directory, { recursive: true, force: true });
  });

  test('is open for owner and group only, from the start, and leaves nothing beside it', async () => {
    expect((await stat(socketPath)).mode & 0o777).toBe(0o660);
    expect(await readdir(directory)).toEqual(['agent.sock']);
    await api?.close();
    api = undefined;
    expect(await readdir(directory)).toEqual([]);
  });

  test('answers with the status, without secrets', async () => {
    document = { ...healthy, platform: { state: 'unreachable', problem: 'Authorization: Bearer abcdefghij' } };
    const status = await readLocalStatus(socketPath);
    expect(status).toMatchObject({ version: '1.2.3', phase: 'running' });
    expect(JSON.stringify(status)).not.toContain('abcdefghij');
  });

  test('is live while it answers, and ready when it can take work', async () => {
    expect(await callLocalApi(socketPath, '/livez')).toEqual({ status: 200, body: { live: true } });
    expect((await callLocalApi(socketPath, '/readyz')).status).toBe(200);
    document = { ...healthy, phase: 'draining' };
    expect(await callLocalApi(socketPath, '/readyz')).toEqual({
      status: 503,
      body: { ready: false, reasons: ['the agent is draining'] },
    });
  });

  test('approves what is named, or all without a body; a body that it does not understand approves nothing', async () => {
    const approve = (body?: unknown) =>
      callLocalApi(socketPath, '/v1/approve', { method: 'POST', ...(body === undefined ? {} : { body }) });
    expect((await approve({ contracts: ['c1'] })).status).toBe(200);
    expect((await approve()).status).toBe(409);
    for (const wrong of [{}, { contracts: 'c1' }, { contracts: [1] }, ['c1'], null, 'x'])
      expect((await approve(wrong)).status).toBe(400);
    expect(asked).toEqual([['c1'], []]);
  });

  test.each([
    ['GET', '/v1/drain', 405],
    ['POST', '/v1/status', 405],
    ['GET', '/nothing', 404],
    ['POST', '/v1/drain', 200],
  ] as const)('%s %s is answered with %d', async (method, path, status) => {
    expect((await callLocalApi(socketPath, path, { method })).status).toBe(status);
  });

  test('a fault of an action is an answer, without secrets', async () => {
    const answer = await callLocalApi(socketPath, '/v1/resume', { method: 'POST' });
    expect(answer.status).toBe(500);
    expect(JSON.stringify(answer.body)).toContain('broke');
    expect(JSON.stringify(answer.body)).not.toContain('hunter22');
  });

  test('events are followed, and resumed where the reader was', async () => {
    const stop = new AbortController();
    const stream = followEvents(socketPath, stop.signal, '1000-0');
    publish({ at: 1, type: 'contract.admitted', text: 'one' });
    publish({ at: 2, type: 'contract.closed', text: 'two' });
    const first = (await stream.next()).value;
    expect(first).toMatchObject({ id: '1000-1', kind: 'change', data: { text: 'one' } });
    stop.abort();
    await stream.return();
    const again = followEvents(socketPath, AbortSignal.timeout(30_000), '1000-1');
    expect((await again.next()).value).toMatchObject({ id: '1000-2', data: { text: 'two' } });
    await again.return();
  });

  test('a reader of another run, or one that fell too far behind, is told to start over', async () => {
    for (let index = 0; index < 1100; index++) publish({ at: index, type: 'x', text: 'y' });
    for (const id of ['999-1', '1000-1', '1000-5000', 'nonsense']) {
      const stream = followEvents(socketPath, AbortSignal.timeout(30_000), id);
      expect((await stream.next()).value).toMatchObject({ kind: 'reset', id: '1000-1100' });
      await stream.return();
    }
  });

  test('a second agent does not take it over', async () => {
    await expect(open()).rejects.toThrow('Another agent already answers');
    expect((await readLocalStatus(socketPath)).pid).toBe(1);
  });
});

describe('without an agent', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'dc-door-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  test('nobody there is told apart from somebody else', async () => {
    const path = join(directory, 'agent.sock');
    await expect(readLocalStatus(path)).rejects.toThrow(AgentNotRunning);
    await writeFile(path, '');
    await expect(readLocalStatus(path)).rejects.toThrow(AgentNotRunning);
    await rm(path);
    const other = createServer((socket) => socket.resume().end('SSH-2.0-OpenSSH\r\n')).listen(path);
    try {
      await expect(readLocalStatus(path)).rejects.not.toThrow(AgentNotRunning);
    } finally {
      await new Promise((resolve) => other.close(resolve));
    }
  });

  test('a path that the system cannot take is refused with the remedy', async () => {
    const socketPath = join(directory, 'x'.repeat(120));
    const options = {
      status: () => healthy,
      subscribe: () => () => {},
      actions: { approve: noAction, resetPassword: noAction, drain: noAction, resume: noAction },
    };
    await expect(startLocalApi({ ...options, socketPath })).rejects.toThrow('shorter state_dir');
  });
});

const noAction = async () => ({ ok: true, text: '' });

test.each<[string, Partial<AgentStatusDocument>, boolean]>([
  ['running with a platform and a target', {}, true],
  ['starting', { phase: 'starting' }, false],
  ['without a platform', { platform: { state: 'unreachable', problem: 'x' } }, false],
  ['without targets', { targets: [] }, false],
  [
    'with every target failing',
    { targets: [{ ...healthy.targets[0], name: 'l', type: 't', state: 'failing', machines: 0, busy: 0, limit: 1 }] },
    false,
  ],
])('readiness: %s', (_name, change, ready) => {
  const answer = readiness({ ...healthy, ...change });
  expect(answer.ready).toBe(ready);
  expect(answer.reasons.length > 0).toBe(!ready);
});
