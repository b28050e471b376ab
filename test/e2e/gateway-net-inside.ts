import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, get, request } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import ssh2 from 'ssh2';
import type { GatewayConfig } from '../../src/config/types.ts';
import { createNftGateway } from '../../src/gateway/nft-gateway.ts';
import type { Route } from '../../src/gateway/port.ts';
import { type Door, login } from './ground/login.ts';

/**
 * A program that runs inside one network namespace of the gateway's tests and does there what it is told, one JSON object a line:
 * real servers and clients, seen from that place.
 */
export interface Orders {
  ssh: { port: number; privateKey: string };
  http: { port: number };
  udp: { port: number; word: string };
  /** Everything that came in by UDP so far. */
  heard: Record<string, never>;
  /** Resolves with what happened. */
  connect: { host: string; port: number; from?: string };
  ask: { host: string; port: number; text: string; from?: string };
  /** Keeps one socket, and so one connection in the kernel's eyes, over several questions. */
  askAgain: { host: string; port: number; text: string };
  download: { host: string; port: number; bytes: number };
  upload: { host: string; port: number; bytes: number };
  /** Runs one command as the tenant. */
  login: { door: Door; privateKey: string; command: string };
  /** What a browser that trusts everybody gets under this name: what the server says, or how much of the `bytes` that it asks for. */
  visit: { host: string; name: string; bytes?: number; upload?: number };
  gateway: { settings: GatewayConfig; call: 'apply' | 'prove' | 'traffic' | 'check'; routes: Route[] };
}

type Handlers = { [K in keyof Orders]: (order: Orders[K]) => Promise<unknown> };

const PATIENCE_MS = 1_000;

const handlers: Handlers = {
  ssh: ({ port, privateKey }) =>
    new Promise((resolve) => {
      const server = new ssh2.Server({ hostKeys: [privateKey] }, (client) => {
        client.on('authentication', (context) => context.reject());
        client.on('error', () => {});
      });
      server.listen(port, () => resolve('listening'));
    }),

  http: ({ port }) =>
    new Promise((resolve) => {
      const server = createServer((incoming, response) => {
        const bytes = Number(incoming.headers['x-bytes'] ?? 0);
        incoming.resume();
        incoming.on('end', () => response.end(bytes === 0 ? incoming.socket.remoteAddress : Buffer.alloc(bytes, 'x')));
      });
      server.listen(port, () => resolve('listening'));
    }),

  udp: ({ port, word }) =>
    new Promise((resolve) => {
      const socket = createSocket('udp4');
      socket.on('message', (text, peer) => {
        heard.push(text.toString());
        socket.send(`${word} ${text.toString()}`, peer.port, peer.address);
      });
      socket.bind(port, () => resolve('listening'));
    }),

  heard: async () => heard,

  connect: ({ host, port, from }) =>
    new Promise((resolve) => {
      const socket = connect({ host, port, ...(from === undefined ? {} : { localAddress: from }) });
      const done = (what: string) => {
        socket.destroy();
        resolve(what);
      };
      socket.setTimeout(PATIENCE_MS, () => done('silence'));
      socket.once('connect', () => done('open'));
      socket.once('error', (error) => done('code' in error ? String(error.code) : error.message));
    }),

  ask: ({ host, port, text, from }) =>
    ask(createSocket('udp4'), { host, port, text, ...(from === undefined ? {} : { from }) }),
  askAgain: (order) => {
    kept ??= createSocket('udp4');
    return ask(kept, order, 'keep');
  },

  download: ({ host, port, bytes }) =>
    new Promise((resolve) => {
      const headers = { 'x-bytes': String(bytes), connection: 'close' };
      const asked = get({ host, port, headers, timeout: 20_000 }, (response) => {
        let size = 0;
        let text = '';
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (bytes === 0) text += chunk.toString();
        });
        response.on('end', () => resolve(bytes === 0 ? text : size));
      });
      asked.on('timeout', () => asked.destroy(new Error('silence')));
      asked.on('error', (error) => resolve('code' in error ? error.code : error.message));
    }),

  upload: ({ host, port, bytes }) =>
    new Promise((resolve) => {
      const sent = request({ host, port, method: 'POST', headers: { connection: 'close' } }, (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode));
      });
      sent.on('error', (error) => resolve('code' in error ? error.code : error.message));
      sent.end(Buffer.alloc(bytes, 'x'));
    }),

  login: ({ door, privateKey, command }) => login(door, privateKey, command),

  visit: ({ host, name, bytes = 0, upload = 0 }) =>
    new Promise((resolve) => {
      const headers = { host: name, 'x-bytes': String(bytes), connection: 'close' };
      const method = upload === 0 ? 'GET' : 'POST';
      const options = { host, servername: name, method, headers, rejectUnauthorized: false, agent: false };
      const asked = requestHttps(options, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (chunk: Buffer) => parts.push(chunk));
        response.on('end', () => {
          const body = Buffer.concat(parts);
          resolve(`${response.statusCode} ${bytes === 0 ? body.toString() : body.length}`);
        });
      });
      asked.setTimeout(PATIENCE_MS, () => asked.destroy(new Error('silence')));
      asked.on('error', (error) => resolve(error.message));
      asked.end(Buffer.alloc(upload, 'x'));
    }),

  async gateway({ settings, call, routes }) {
    const gateway = createNftGateway(settings);
    const { signal } = new AbortController();
    if (call === 'apply') {
      const { repaired, refused } = await gateway.apply(routes, signal);
      return { repaired, refused: Object.fromEntries(refused) };
    }
    if (call === 'traffic') return gateway.traffic(signal);
    if (call === 'check') return gateway.check(signal);
    const [route] = routes;
    return route === undefined ? undefined : gateway.prove(route, signal);
  },
};

let kept: UdpSocket | undefined;
const heard: string[] = [];

function ask(socket: UdpSocket, order: Orders['ask'], after: 'keep' | 'close' = 'close'): Promise<string> {
  const { host, port, text, from } = order;
  return new Promise((resolve) => {
    const done = (what: string) => {
      clearTimeout(timer);
      socket.removeAllListeners('message');
      if (after === 'close') socket.close();
      resolve(what);
    };
    const timer = setTimeout(() => done('silence'), PATIENCE_MS);
    socket.on('message', (answer) => done(answer.toString()));
    socket.once('error', (error) => done(error.message));
    const send = (): void =>
      socket.send(text, port, host, (error) => error && done('code' in error ? String(error.code) : error.message));
    if (from === undefined) send();
    else socket.bind(0, from, send);
  });
}

function say(answer: object): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, name, order } = JSON.parse(line) as { id: number; name: keyof Orders; order: never };
  handlers[name](order).then(
    (result) => say({ id, result }),
    (error: unknown) => say({ id, error: error instanceof Error ? error.message : 'unknown' }),
  );
}
process.exit(0);
