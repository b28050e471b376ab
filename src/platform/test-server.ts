import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request as it arrived. */
export interface Received {
  readonly method: string;
  /** As on the wire, query included. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface TestServer {
  readonly endpoint: string;
  readonly received: Received[];
  /** What the next requests are answered with. */
  answer: (response: ServerResponse, request: Received) => void;
  close(): Promise<void>;
}

/** For tests: a real HTTP server on loopback, answering as it is told. */
export async function startTestServer(): Promise<TestServer> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request;
      const one = { method, path, headers, body: Buffer.concat(chunks).toString('utf8') };
      received.push(one);
      self.answer(response, one);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const self: TestServer = {
    endpoint: `http://127.0.0.1:${port}`,
    received,
    answer: success({}),
    close: () => stop(server),
  };
  return self;
}

/** The envelope of a success. */
export function success(data: unknown, note?: string): TestServer['answer'] {
  return json({ success: true, data, error: note });
}

/** The envelope of a business failure: HTTP 200, as the platform does. */
export function failure(error: string): TestServer['answer'] {
  return json({ success: false, error });
}

export function json(body: unknown): TestServer['answer'] {
  return text(200, JSON.stringify(body), { 'content-type': 'application/json; charset=utf-8' });
}

export function text(status: number, body: string, headers: Record<string, string> = {}): TestServer['answer'] {
  return (response) => {
    response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers });
    response.end(body);
  };
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
