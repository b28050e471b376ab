import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type Clock, systemClock } from '../../src/provisioner/index.ts';
import { EngineClient } from './client.ts';

const READ = { doing: 'read a thing', method: 'GET', path: '/thing', answer: z.object({ a: z.number() }) } as const;
const WRITE = { doing: 'write a thing', method: 'POST', path: '/thing', body: { b: 1 } } as const;

let socketPath: string;
let server: Server;
let answer: (response: ServerResponse) => void;
let client: EngineClient;
/** Fires the deadline of every call under way. */
let timeUp: () => void;
const signal = new AbortController().signal;

beforeEach(async () => {
  socketPath = join(tmpdir(), `dc-client-${randomUUID()}.sock`);
  server = createServer((request, response) => {
    request.resume();
    request.on('end', () => answer(response));
  });
  server.listen(socketPath);
  await once(server, 'listening');
  const timers = new Set<() => void>();
  timeUp = () => {
    for (const fire of timers) fire();
  };
  const clock: Clock = {
    ...systemClock,
    after: (_, fire) => {
      timers.add(fire);
      return () => void timers.delete(fire);
    },
  };
  client = new EngineClient({ socketPath, clock, timeoutMs: 30_000 });
});

afterEach(async () => {
  await client.close();
  server.closeAllConnections();
  server.close();
});

describe('an engine that answers', () => {
  test('has its JSON checked and returned', async () => {
    answer = (response) => response.end('{"a":1,"unknown":true}');
    expect(await client.call({ ...READ, signal })).toEqual({ ok: true, status: 200, value: { a: 1 } });
  });

  test('says "already so" with 304, which is success', async () => {
    answer = (response) => response.writeHead(304).end();
    expect(await client.call({ ...WRITE, signal })).toMatchObject({ ok: true, status: 304 });
  });

  test('has its refusal returned where the caller expects it, and thrown where not', async () => {
    answer = (response) => response.writeHead(409).end('{"message":"name is in use"}');
    const expects = ({ status }: { status: number }) => status === 409;
    expect(await client.call({ ...WRITE, expects, signal })).toEqual({
      ok: false,
      refusal: { doing: 'write a thing', status: 409, message: 'name is in use' },
    });
    await expect(client.call({ ...WRITE, signal })).rejects.toThrow(
      'Docker refused to write a thing: 409 name is in use',
    );
  });

  test.each([
    ['HTML', '<html>502 Bad Gateway</html>'],
    ['half a document', '{"a":'],
    ['another type', '{"a":"1"}'],
    ['nothing', ''],
  ])('is not believed when it sends %s', async (_, body) => {
    answer = (response) => response.end(body);
    await expect(client.call({ ...READ, signal })).rejects.toMatchObject({ kind: 'retry' });
  });

  test('is cut off when it sends without end', async () => {
    answer = (response) => {
      const chunk = Buffer.alloc(1024 * 1024, 'x');
      const more = (): void => {
        if (!response.destroyed) response.write(chunk, () => setImmediate(more));
      };
      more();
    };
    await expect(client.call({ ...READ, signal })).rejects.toMatchObject({ kind: 'retry' });
  });

  test('keeps its error texts on one line and short', async () => {
    answer = (response) =>
      response.writeHead(500).end(JSON.stringify({ message: `a\n\u001b[31mb${'c'.repeat(5000)}` }));
    const error = await client.call({ ...READ, signal }).catch((thrown: unknown) => thrown);
    const { message } = error as Error;
    expect(message).not.toMatch(/\p{Cc}/u);
    expect(message.length).toBeLessThan(600);
  });
});

describe('an engine in trouble', () => {
  test.each([
    ['closes the connection', (response: ServerResponse) => void response.destroy()],
    [
      'ends its answer early',
      (response: ServerResponse) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('{"a":1', () => response.destroy());
      },
    ],
  ])('that %s leaves a read to be retried and a write in the dark', async (_, trouble) => {
    answer = trouble;
    await expect(client.call({ ...READ, signal })).rejects.toMatchObject({ kind: 'retry' });
    await expect(client.call({ ...WRITE, answer: READ.answer, signal })).rejects.toMatchObject({
      kind: 'unknown-outcome',
    });
  });

  test.each([
    ['READ', READ, 'retry'],
    ['WRITE', WRITE, 'unknown-outcome'],
  ])('that never answers is given up at the deadline: %s', async (_, call, kind) => {
    answer = () => timeUp();
    await expect(client.call({ ...call, signal })).rejects.toMatchObject({
      kind,
      message: expect.stringContaining('no whole answer within 30 s') as string,
    });
  });

  test('that never finishes its answer is given up as well', async () => {
    answer = (response) => void response.write('{"a"', () => timeUp());
    await expect(client.call({ ...READ, signal })).rejects.toMatchObject({ kind: 'retry' });
  });

  test('may have done what was cancelled after it was sent, and cannot have what was cancelled before', async () => {
    const cancel = new AbortController();
    answer = () => cancel.abort(new Error('enough'));
    await expect(client.call({ ...WRITE, signal: cancel.signal })).rejects.toMatchObject({ kind: 'unknown-outcome' });
    await expect(client.call({ ...WRITE, signal: cancel.signal })).rejects.toMatchObject({ kind: 'retry' });
  });

  test('that does not exist has certainly done nothing', async () => {
    const absent = new EngineClient({ socketPath: `${socketPath}.none`, clock: systemClock, timeoutMs: 30_000 });
    await expect(absent.call({ ...WRITE, signal })).rejects.toMatchObject({
      kind: 'retry',
      message: expect.stringContaining('ENOENT') as string,
    });
    await absent.close();
  });

  test('that left only its socket behind has certainly done nothing', async () => {
    const stale = `${socketPath}.file`;
    await writeFile(stale, '');
    const dead = new EngineClient({ socketPath: stale, clock: systemClock, timeoutMs: 30_000 });
    await expect(dead.call({ ...WRITE, signal })).rejects.toMatchObject({
      kind: 'retry',
      message: expect.stringContaining('ECONNREFUSED') as string,
    });
    await dead.close();
    await rm(stale);
  });
});

describe('a stream of lines', () => {
  const LINES = { ...READ, doing: 'follow a thing' };

  test('is read line by line, however it is cut', async () => {
    answer = (response) => {
      const bytes = Buffer.from('{"a":1}\r\n\n{"a":2}\n{"a":3}');
      for (const byte of bytes) response.write(Buffer.of(byte));
      response.end();
    };
    const seen: number[] = [];
    for await (const { a } of client.lines({ ...LINES, signal })) seen.push(a);
    expect(seen).toEqual([1, 2, 3]);
  });

  test.each([
    ['is refused', (response: ServerResponse) => void response.writeHead(500).end('{"message":"no"}')],
    ['breaks', (response: ServerResponse) => void response.write('{"a":1}\n', () => response.destroy())],
    ['holds something else', (response: ServerResponse) => void response.end('{"a":1}\nhello\n')],
    ['has a line without end', (response: ServerResponse) => void response.end('x'.repeat(2 * 1024 * 1024))],
  ])('ends with an error when it %s', async (_, trouble) => {
    answer = trouble;
    const reading = async (): Promise<void> => {
      for await (const { a } of client.lines({ ...LINES, signal })) expect(a).toBe(1);
    };
    await expect(reading()).rejects.toMatchObject({ name: 'ProvisionerError', kind: 'retry' });
  });
});
