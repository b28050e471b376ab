import { chmod, mkdir, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { dirname } from 'node:path';
import { admin, isAdminPath } from './admin-http.ts';
import type { SandboxAnswer } from './api.ts';
import type { SandboxCore } from './core.ts';
import { startGuests } from './guests.ts';

export interface SandboxServerInput {
  readonly core: SandboxCore;
  /** Where the API listens: a unix socket (made 0600), or a TCP port on 127.0.0.1 (0 = any free one). */
  readonly listen: { readonly socketPath: string } | { readonly port: number };
  /** `real`: every running machine has an SSH server of its own on 127.0.0.1. `none`: ports are names only. */
  readonly ssh: 'real' | 'none';
  readonly onProblem?: (problem: string) => void;
}

export interface SandboxServer {
  /** For a TCP listener: `http://127.0.0.1:PORT`. */
  readonly url?: string;
  readonly socketPath?: string;
  /** Stops answering. The machines stay in the core, as they were. */
  close(): Promise<void>;
}

const BODY_CAP = 1024 * 1024;

/** Serves the core over real HTTP and, where asked, its guests over real SSH. Drops are real drops. */
export async function startSandbox({ core, listen, ssh, onProblem }: SandboxServerInput): Promise<SandboxServer> {
  if (ssh === 'real') core.leavePortsToServer();
  const guests =
    ssh === 'real' ? await startGuests(core, { host: '127.0.0.1', onProblem: onProblem ?? (() => {}) }) : undefined;
  const late = new Set<NodeJS.Timeout>();
  const server = createServer((request, response) => exchange(core, late, request, response));
  try {
    if ('socketPath' in listen) await listenOnSocket(server, listen.socketPath);
    else await listening(server, () => server.listen(listen.port, '127.0.0.1'));
  } catch (error) {
    await guests?.close();
    throw error;
  }
  return {
    ...('socketPath' in listen
      ? { socketPath: listen.socketPath }
      : { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }),
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      for (const timer of late) clearTimeout(timer);
      await Promise.all([closed, guests?.close()]);
    },
  };
}

function exchange(
  core: SandboxCore,
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
    if (!isAdminPath(path)) return deliver(core.handle({ method, path, body }), late, response);
    // A web page could otherwise reach the loopback port of whoever looks at it.
    const allowed = request.headers.origin === undefined;
    const answer = allowed ? admin(core, { method, path, body }) : { status: 403, body: { error: 'no web pages' } };
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
  });
}

/** `late` holds what is still on its way; it is processed even when the caller hangs up, and lost when the server ends. */
function deliver(answer: SandboxAnswer, late: Set<NodeJS.Timeout>, response: ServerResponse): void {
  if (answer.delayMs > 0) {
    const timer = setTimeout(() => {
      late.delete(timer);
      deliver(answer.resume ? answer.resume() : { ...answer, delayMs: 0 }, late, response);
    }, answer.delayMs);
    late.add(timer);
    return;
  }
  const bytes = Buffer.from(answer.body);
  switch (answer.delivery) {
    case 'answer':
      response.writeHead(answer.status, { ...answer.headers, 'content-length': bytes.length }).end(bytes);
      return;
    case 'truncate':
      response.writeHead(answer.status, { ...answer.headers, 'content-length': bytes.length });
      response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => response.destroy());
      return;
    case 'hang':
      return;
    default:
      response.destroy();
  }
}

/** A socket file that nobody answers on is left over from a process that died; one that answers belongs to another sandbox. */
async function listenOnSocket(server: Server, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  if (await answers(path)) throw new Error(`another sandbox is listening on ${path}`);
  await rm(path, { force: true });
  await listening(server, () => server.listen(path));
  await chmod(path, 0o600);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(true);
    });
    probe.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(false);
      else reject(error);
    });
  });
}

function listening(server: Server, listen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    listen();
  });
}
