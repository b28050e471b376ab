import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { PveAnswer } from './answers.ts';
import { type Authority, createAuthority } from './certificate.ts';
import type { ProxmoxCore, PveRequest } from './core.ts';
import type { Node } from './state.ts';

export interface ProxmoxServerInput {
  readonly core: ProxmoxCore;
  /** On 127.0.0.1; 0 = any free one. Further nodes get free ones. */
  readonly port?: number;
  /** What went wrong inside the simulator itself: a mistake of its own, which its caller sees as a 500. */
  readonly onProblem?: (problem: string) => void;
  /** How long an idle connection stays open. Default: 5 s, as pveproxy has it. */
  readonly idleMs?: number;
}

export interface ProxmoxServer {
  /** Of the first node: `https://127.0.0.1:PORT`. */
  readonly url: string;
  readonly urls: ReadonlyMap<string, string>;
  /** The authority's certificate, which all nodes' leaves are signed by. */
  readonly ca: string;
  /** SHA-256 of the first node's present leaf. */
  readonly fingerprint: string;
  /** Gives a node a new leaf, as its renewal does. Connections that stand keep the old one. */
  renewCertificate(node?: string): void;
  /** The next connections break before the handshake is done. */
  tearHandshakes(times: number): void;
  close(): Promise<void>;
}

/** pveproxy closes a connection on which nothing came for so long. */
const IDLE_MS = 5_000;
const REQUESTS_PER_CONNECTION = 100;
const BODY_CAP = 64 * 2 ** 20;

/** Serves every node of the core over real TLS, each with a leaf of its own. Drops are real drops. */
export async function startProxmox(input: ProxmoxServerInput): Promise<ProxmoxServer> {
  const { core, port = 0 } = input;
  const authority = createAuthority(Date.now());
  const nodes = [...core.cluster.nodes.values()];
  const servers = new Map<string, Server>();
  const urls = new Map<string, string>();
  let tear = 0;
  for (const [index, node] of nodes.entries()) {
    const server = nodeServer(input, node, authority, () => tear > 0 && tear-- > 0);
    servers.set(node.name, server);
    await listen(server, index === 0 ? port : 0);
    urls.set(node.name, `https://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }
  const [first] = nodes;
  if (!first) throw new Error('a cluster without nodes cannot be served');
  return {
    url: urls.get(first.name) ?? '',
    urls,
    ca: authority.pem,
    get fingerprint() {
      return first.certificate.fingerprint;
    },
    renewCertificate(name = first.name) {
      const node = core.cluster.nodes.get(name);
      if (!node) throw new Error(`there is no node ${name}`);
      servers.get(name)?.setSecureContext(certify(node, authority));
    },
    tearHandshakes(times) {
      tear = times;
    },
    async close() {
      await Promise.all([...servers.values()].map(closed));
    },
  };
}

function nodeServer(input: ProxmoxServerInput, node: Node, authority: Authority, tears: () => boolean): Server {
  const server = createServer(
    { ...certify(node, authority), keepAliveTimeout: input.idleMs ?? IDLE_MS },
    (request, response) => exchange(input, node.name, request, response),
  );
  // Newer versions of Node add a second of their own.
  if ('keepAliveTimeoutBuffer' in server) server.keepAliveTimeoutBuffer = 0;
  server.maxRequestsPerSocket = REQUESTS_PER_CONNECTION;
  server.prependListener('connection', (socket: Socket) => {
    if (tears()) socket.destroy();
  });
  return server;
}

/** Issues a leaf and makes it the one that the API shows. */
function certify(node: Node, authority: Authority): { readonly cert: string; readonly key: string } {
  const names = [...new Set(['127.0.0.1', '::1', 'localhost', node.address, node.name])];
  const leaf = authority.issue(node.name, names, Date.now());
  node.certificate = { pem: leaf.pem, authority: authority.pem, fingerprint: leaf.fingerprint };
  return { cert: leaf.pem, key: leaf.keyPem };
}

function exchange(input: ProxmoxServerInput, node: string, request: IncomingMessage, response: ServerResponse): void {
  const { core, onProblem = () => {} } = input;
  const chunks: Buffer[] = [];
  let size = 0;
  request.on('error', () => request.destroy());
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > BODY_CAP) request.destroy();
    else chunks.push(chunk);
  });
  request.on('end', () => {
    core.handle({ ...asked(request), body: Buffer.concat(chunks), node }).then(
      (answer) => deliver(answer, request, response),
      (error: unknown) => {
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
        onProblem(`${request.method} ${request.url}: ${text}`);
        response.writeHead(500, 'simulator failure').end();
      },
    );
  });
}

function asked({ method = '', url = '', headers }: IncomingMessage): Omit<PveRequest, 'body'> {
  const flat = Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]);
  return { method, path: url, headers: Object.fromEntries(flat) as Record<string, string> };
}

function deliver(answer: PveAnswer, request: IncomingMessage, response: ServerResponse): void {
  const bytes = Buffer.from(answer.body);
  const head = (): void => {
    // Node refuses to send what HTTP does not allow in a reason phrase; a real host sends the bytes as they are.
    const reason = answer.statusText.replace(/[^\t\x20-\x7e\x80-\xff]/g, '?');
    response.writeHead(answer.status, reason, { ...answer.headers, 'content-length': bytes.length });
  };
  switch (answer.delivery) {
    case 'answer':
      head();
      response.end(bytes);
      return;
    case 'truncate':
      head();
      response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => request.socket.destroy());
      return;
    case 'hang':
      return;
    default:
      request.socket.destroy();
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
