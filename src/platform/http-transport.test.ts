import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createHttpTransport, type HttpTransport, parseEndpoint } from './http-transport.ts';
import { startTestServer, type TestServer, text } from './test-server.ts';
import { NotSentError, type WireRequest } from './transport.ts';

const GET: WireRequest = { method: 'GET', path: '/api/v1/x?y=%2F', headers: { 'X-Nonce': 'n' }, timeoutMs: 30_000 };

let server: TestServer;
let transport: HttpTransport;
beforeEach(async () => {
  server = await startTestServer();
  transport = createHttpTransport({ endpoint: `${server.endpoint}/`, name: 'test' });
});
afterEach(async () => {
  await transport.close();
  await server.close();
});

describe('the HTTP transport', () => {
  it('sends exactly what it is given, and no Origin', async () => {
    server.answer = text(418, 'tea\u{1f375}', { 'X-Thing': '1' });
    const body = '{"a":"ü\u{1f680}"}';
    const answer = await transport({ ...GET, method: 'PUT', headers: { 'Content-Type': 'application/json' }, body });
    expect(answer).toMatchObject({ status: 418, body: 'tea\u{1f375}', headers: { 'x-thing': '1' } });
    const { host: _, connection: __, ...headers } = server.received[0]?.headers ?? {};
    expect(server.received[0]).toMatchObject({ method: 'PUT', path: '/api/v1/x?y=%2F', body });
    expect(headers).toEqual({ 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) });
  });

  it('sends no content type and no body where there is none', async () => {
    await transport({ ...GET, method: 'POST', headers: {} });
    expect(server.received[0]?.headers).not.toHaveProperty('content-type');
    expect(server.received[0]?.body).toBe('');
  });

  it('does not follow a redirect', async () => {
    server.answer = text(302, '', { location: '/elsewhere' });
    expect(await transport(GET)).toMatchObject({ status: 302 });
    expect(server.received).toHaveLength(1);
  });

  it('sends a request once even when the connection drops after it', async () => {
    server.answer = (response) => response.destroy();
    await expect(transport({ ...GET, method: 'PUT', body: '{}' })).rejects.not.toBeInstanceOf(NotSentError);
    await expect(transport(GET)).rejects.toThrow();
    expect(server.received).toHaveLength(2);
  });

  it('refuses an answer that ends early', async () => {
    server.answer = (response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{"success":true');
      response.destroy();
    };
    await expect(transport(GET)).rejects.toThrow();
  });

  it('refuses an answer above 8 MiB, announced or not', async () => {
    const chunk = Buffer.alloc(1024 * 1024, ' ');
    server.answer = (response) => {
      response.on('error', () => {});
      for (let i = 0; i < 9; i++) response.write(chunk);
      response.end();
    };
    await expect(transport(GET)).rejects.toThrow(/max.*size/i);
    server.answer = (response) => {
      response.writeHead(200, { 'content-length': String(100 * 1024 * 1024) });
      response.flushHeaders();
    };
    await expect(transport(GET)).rejects.toThrow(/max.*size/i);
  });

  it('gives up at the deadline, also when the answer trickles', async () => {
    server.answer = (response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write('.'), 5);
      response.on('close', () => clearInterval(drip));
    };
    await expect(transport({ ...GET, timeoutMs: 100 })).rejects.toThrow('no answer within 100 ms (test)');
  });

  it('stops when its caller does', async () => {
    const controller = new AbortController();
    server.answer = () => controller.abort(new Error('shutting down'));
    await expect(transport({ ...GET, signal: controller.signal })).rejects.toThrow('shutting down');
    await expect(transport({ ...GET, signal: controller.signal })).rejects.toThrow('shutting down');
    expect(server.received).toHaveLength(1);
  });

  it('breaks what is under way when closed', async () => {
    server.answer = () => void transport.close();
    await expect(transport(GET)).rejects.toThrow();
    await expect(transport(GET)).rejects.toThrow();
  });

  it('keeps connections of its own: a lane that is full does not delay another', async () => {
    const hanging: (() => void)[] = [];
    server.answer = (response, { path }) => {
      if (path === '/api/v1/slow') hanging.push(() => response.end());
      else response.end('beat');
    };
    const full = createHttpTransport({ endpoint: server.endpoint, name: 'full', connections: 1 });
    const slow = Promise.allSettled([1, 2, 3].map(() => full({ ...GET, path: '/api/v1/slow' })));
    expect(await transport(GET)).toMatchObject({ body: 'beat' });
    await full.close();
    expect((await slow).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  });

  it('uses a connection again, from the turn of the event loop after the one in which it became free', async () => {
    const ports: (number | undefined)[] = [];
    server.answer = (response) => {
      ports.push(response.socket?.remotePort);
      response.end();
    };
    for (let i = 0; i < 5; i++) {
      await transport(GET);
      await setImmediate();
    }
    expect(new Set(ports).size).toBe(1);
    for (let i = 0; i < 10; i++) await transport(GET);
    expect(new Set(ports).size).toBeLessThanOrEqual(2);
  });

  it('opens no more connections than it may', async () => {
    const narrow = createHttpTransport({ endpoint: server.endpoint, name: 'narrow', connections: 2 });
    const ports = new Set<number | undefined>();
    server.answer = (response) => {
      ports.add(response.socket?.remotePort);
      response.end();
    };
    await Promise.all(Array.from({ length: 20 }, () => narrow(GET)));
    await narrow.close();
    expect(ports.size).toBe(2);
  });
});

describe('a stream', () => {
  const open = { ...GET, silenceMs: 30_000 };

  it('hands on what arrives when it arrives, whole characters only', async () => {
    const sent = Buffer.from('ü\u{1f680}');
    let more = (): void => {};
    server.answer = (response) => {
      response.writeHead(200, { 'X-Kind': 'stream' });
      response.write(sent.subarray(0, 3));
      more = () => response.end(sent.subarray(3));
    };
    const { status, headers, text: chunks } = await transport.stream(open);
    expect({ status, headers }).toMatchObject({ status: 200, headers: { 'x-kind': 'stream' } });
    let read = '';
    for await (const chunk of chunks) {
      read += chunk;
      more();
    }
    expect(read).toBe('ü\u{1f680}');
  });

  it('outlasts the deadline for its headers, which holds for them alone', async () => {
    let finish = (): void => {};
    server.answer = (response) => {
      response.writeHead(200);
      response.write('a');
      finish = () => response.end('b');
    };
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const { text: chunks } = await transport.stream({ ...open, timeoutMs: 10_000 });
      vi.advanceTimersByTime(11_000);
      finish();
      expect(await all(chunks)).toBe('ab');
    } finally {
      vi.useRealTimers();
    }
    server.answer = () => {};
    await expect(transport.stream({ ...open, timeoutMs: 50 })).rejects.toThrow('no answer within 50 ms (test)');
  });

  it('breaks when it falls silent, drops, or its caller aborts', async () => {
    server.answer = (response) => void response.write('a');
    const silent = await transport.stream({ ...open, silenceMs: 100 });
    await expect(all(silent.text)).rejects.toMatchObject({ code: 'UND_ERR_BODY_TIMEOUT' });

    server.answer = (response) => void response.write('a', () => response.destroy());
    const dropped = await transport.stream(open);
    await expect(all(dropped.text)).rejects.toThrow();

    server.answer = (response) => void response.write('a');
    const controller = new AbortController();
    const given = await transport.stream({ ...open, signal: controller.signal });
    controller.abort(new Error('shutting down'));
    await expect(all(given.text)).rejects.toThrow('shutting down');
  });

  it('frees its connection when nobody reads on', async () => {
    let closed: Promise<unknown> | undefined;
    server.answer = (response) => {
      closed = once(response, 'close');
      response.write('a');
    };
    const { text: chunks } = await transport.stream(open);
    for await (const chunk of chunks) {
      expect(chunk).toBe('a');
      break;
    }
    await closed;
  });
});

describe('a request that was certainly not sent', () => {
  it('is told apart: nobody listens', async () => {
    await server.close();
    await expect(transport(GET)).rejects.toBeInstanceOf(NotSentError);
  });

  it('is told apart: there is no such name', async () => {
    const lost = createHttpTransport({ endpoint: 'http://nowhere.invalid', name: 'lost' });
    await expect(lost(GET)).rejects.toBeInstanceOf(NotSentError);
    await lost.close();
  });

  it('is not claimed when the peer breaks after taking it', async () => {
    const raw: Server = createServer((socket: Socket) => {
      socket.once('data', () => socket.resetAndDestroy());
    });
    raw.listen(0, '127.0.0.1');
    await once(raw, 'listening');
    const lane = createHttpTransport({
      endpoint: `http://127.0.0.1:${(raw.address() as AddressInfo).port}`,
      name: 'raw',
    });
    const error: unknown = await lane(GET).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(NotSentError);
    await lane.close();
    raw.close();
  });
});

describe('an endpoint', () => {
  it('loses its trailing slashes and keeps a prefix', () => {
    expect(parseEndpoint(' https://api.example.org// ')).toEqual({ origin: 'https://api.example.org', prefix: '' });
    expect(parseEndpoint('http://[::1]:8080/dc/')).toEqual({ origin: 'http://[::1]:8080', prefix: '/dc' });
  });

  it.each(['', 'api.example.org', 'ftp://x', 'https://u:geheim@x', 'https://x/?a=1', 'https://x/#f'])(
    'is not %j',
    (endpoint) => {
      expect(() => parseEndpoint(endpoint)).toThrow(TypeError);
      expect(() => parseEndpoint(endpoint)).not.toThrow('geheim');
    },
  );
});

async function all(chunks: AsyncIterable<string>): Promise<string> {
  let read = '';
  for await (const chunk of chunks) read += chunk;
  return read;
}
