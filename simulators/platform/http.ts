import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type AdminHandler, type AdminPowers, createAdminHandler } from './admin-http.ts';
import type { Answer } from './answers.ts';
import type { Outcome, PlatformCore, PlatformRequest } from './core.ts';
import { firstHalf } from './faults.ts';

export interface PlatformServer {
  /** Without a slash at the end. */
  readonly url: string;
  /** Cuts every connection and frees the port. */
  readonly close: () => Promise<void>;
}

export interface ServerOptions {
  readonly core: PlatformCore;
  readonly host?: string;
  /** 0 picks a free one. */
  readonly port?: number;
  /** Serves /__admin: anyone who reaches the port may then do anything. Closed unless given. */
  readonly admin?: AdminPowers;
}

/** Serves a core over real HTTP/1.1, faults included: a dropped answer is a destroyed socket, a truncated one a short body. */
export async function startPlatformServer(options: ServerOptions): Promise<PlatformServer> {
  const { core, host = '127.0.0.1', port = 0 } = options;
  const admin = options.admin && createAdminHandler(core, options.admin);
  const server = createServer((request, response) => {
    serve(core, admin, request, response).catch((error: unknown) => {
      // A mistake of the simulator itself: it must show in the caller's log and not pass for behaviour of the platform.
      if (response.headersSent) response.destroy();
      else send(response, { status: 500, headers: {}, body: `Simulator fault: ${String(error)}` });
    });
  });
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('Expected a TCP address');
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  const url = `http://${name}:${address.port}`;
  core.settings.publicUrl ??= url;
  return {
    url,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        for (const socket of sockets) socket.destroy();
      }),
  };
}

async function serve(
  core: PlatformCore,
  admin: AdminHandler | undefined,
  raw: IncomingMessage,
  response: ServerResponse,
) {
  const request = await readRequest(raw);
  // The caller left in the middle of its request: the real server never sees such a request as a whole.
  if (!request) return;
  if (admin && request.path.startsWith('/__admin/')) return send(response, admin(request));
  const admission = core.admit(request);
  await pause(core, admission.holdMs);
  const outcome = admission.process();
  await pause(core, outcome.delayMs);
  if (isOpenStream(outcome)) return stream(core, request, outcome.response, response);
  deliver(outcome, response);
}

async function readRequest(raw: IncomingMessage): Promise<PlatformRequest | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of raw) chunks.push(chunk);
  } catch (error) {
    if (raw.destroyed) return undefined;
    throw error;
  }
  const headers = Object.fromEntries(
    Object.entries(raw.headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
  );
  return {
    method: raw.method ?? 'GET',
    path: raw.url ?? '/',
    headers,
    body: Buffer.concat(chunks).toString('utf8'),
    peer: raw.socket.remoteAddress ?? '',
  };
}

function pause(core: PlatformCore, ms: number): Promise<void> {
  return ms > 0 ? new Promise((resolve) => void core.clock.after(ms, resolve)) : Promise.resolve();
}

function deliver(outcome: Outcome, response: ServerResponse): void {
  switch (outcome.transport) {
    case 'deliver':
      return send(response, outcome.response);
    case 'drop-before':
    case 'drop-after':
      response.destroy();
      return;
    case 'hang':
      // Held until the caller gives up or the server closes.
      return;
    case 'truncate': {
      writeHead(response, outcome.response);
      response.write(Buffer.from(firstHalf(outcome.response.body)), () => response.destroy());
    }
  }
}

function send(response: ServerResponse, answer: Answer): void {
  writeHead(response, answer);
  response.end(answer.body);
}

function writeHead(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, { ...answer.headers, 'content-length': Buffer.byteLength(answer.body) });
}

const STREAM_POLL_MS = 5000;
const COMMENT_MS = 30_000;

function isOpenStream(outcome: Outcome): boolean {
  return (
    outcome.route === 'password-reset-events' && outcome.transport === 'deliver' && outcome.response.status === 200
  );
}

/** Sends the present resets, then every change; ends when they can no longer be listed. */
function stream(core: PlatformCore, request: PlatformRequest, first: Answer, response: ServerResponse): void {
  const provider = (request.path.split('/')[4] ?? '').toLowerCase();
  response.writeHead(200, first.headers);
  if (first.body === '') return void response.end();
  response.write(first.body);
  let last = first.body;
  let quietMs = 0;
  const poll = (): void => {
    const event = core.resetEvent(provider);
    if (event === undefined) return void response.end();
    quietMs += STREAM_POLL_MS;
    if (event !== last) {
      response.write(event);
      last = event;
    } else if (quietMs >= COMMENT_MS) {
      response.write(':\n\n');
      quietMs = 0;
    }
    cancel = core.clock.after(STREAM_POLL_MS, poll);
  };
  let cancel = core.clock.after(STREAM_POLL_MS, poll);
  response.once('close', () => cancel());
}
