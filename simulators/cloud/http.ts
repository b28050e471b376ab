import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ApiAnswer, ApiCall } from './exchange.ts';

export interface AdminAnswer {
  readonly status: number;
  readonly body: unknown;
}

export interface Served {
  handle(call: ApiCall): ApiAnswer;
  /** For paths below `/__admin/`. */
  admin(request: { readonly method: string; readonly path: string; readonly body: string }): AdminAnswer;
}

export interface HttpServer {
  readonly origin: string;
  close(): Promise<void>;
}

const BODY_CAP = 1024 * 1024;
export const ADMIN_PREFIX = '/__admin/';

/** Serves an API's core over real HTTP on 127.0.0.1; port 0 is any free one. Drops are real drops. */
export async function startHttp(served: Served, port: number): Promise<HttpServer> {
  const late = new Set<NodeJS.Timeout>();
  const server = createServer((request, response) => exchange(served, late, request, response));
  await listening(server, port);
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      for (const timer of late) clearTimeout(timer);
      return closed;
    },
  };
}

function exchange(
  { handle, admin }: Served,
  late: Set<NodeJS.Timeout>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const chunks: Buffer[] = [];
  let size = 0;
  request.on('error', () => request.destroy());
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > BODY_CAP) request.destroy();
    else chunks.push(chunk);
  });
  request.on('end', () => {
    const { method = '', url: path = '' } = request;
    const body = Buffer.concat(chunks).toString('utf8');
    if (!path.startsWith(ADMIN_PREFIX)) {
      return deliver(handle({ method, path, headers: single(request.headers), body }), late, response);
    }
    // A web page could otherwise reach the loopback port of whoever looks at it.
    const allowed = request.headers.origin === undefined;
    const answer = allowed ? admin({ method, path, body }) : { status: 403, body: { error: 'no web pages' } };
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
  });
}

function single(headers: IncomingMessage['headers']): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  );
}

/** `late` holds what is still on its way; it is processed even when the caller hangs up, and lost when the server ends. */
function deliver(answer: ApiAnswer, late: Set<NodeJS.Timeout>, response: ServerResponse): void {
  if (answer.delayMs > 0) {
    const timer = setTimeout(() => {
      late.delete(timer);
      deliver(answer.resume ? answer.resume() : { ...answer, delayMs: 0 }, late, response);
    }, answer.delayMs);
    late.add(timer);
    return;
  }
  const bytes = Buffer.from(answer.body);
  const headers = answer.status === 204 ? answer.headers : { ...answer.headers, 'content-length': bytes.length };
  switch (answer.delivery) {
    case 'answer':
      response.writeHead(answer.status, headers).end(answer.status === 204 ? undefined : bytes);
      return;
    case 'truncate':
      response.writeHead(answer.status, { ...headers, 'content-length': Math.max(1, bytes.length) });
      response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => response.destroy());
      return;
    case 'hang':
      return;
    default:
      response.destroy();
  }
}

function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    server.listen(port, '127.0.0.1');
  });
}
