import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** What happens to a call on its way to the engine and back. */
export type Trouble =
  | { readonly kind: 'drop-before' }
  | { readonly kind: 'drop-after' }
  /** Answered without asking the engine. */
  | { readonly kind: 'answer'; readonly status: number; readonly body: unknown }
  /** The engine does it, and the caller hears this instead. */
  | { readonly kind: 'answer-after'; readonly status: number; readonly body: unknown }
  /** Taken and never answered. */
  | { readonly kind: 'silence' }
  | { readonly kind: 'rewrite'; readonly change: (body: string) => string };

export interface Rule {
  /** Matched against `METHOD /path?query`. */
  readonly call: RegExp;
  readonly trouble: Trouble;
  /** Default: once. */
  readonly always?: true;
}

export interface EngineProxy {
  readonly socketPath: string;
  /** `METHOD /path?query` of every call so far. */
  readonly calls: readonly string[];
  /** Returns what takes the rule away again. */
  add(rule: Rule): () => void;
  /** Resolves when the next call that fits has arrived. */
  arrival(call: RegExp): Promise<void>;
  /** Until the returned function is called, nobody listens. */
  unplug(): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** For tests: stands between the plugin and a real engine, and makes the trouble that an engine makes too rarely. */
export async function startEngineProxy(socketPath: string, engineSocket: string): Promise<EngineProxy> {
  const rules: Rule[] = [];
  const calls: string[] = [];
  const waiting: { call: RegExp; wake: () => void }[] = [];

  const takeRule = (line: string): Trouble | undefined => {
    const rule = rules.find(({ call }) => call.test(line));
    if (rule !== undefined && rule.always !== true) rules.splice(rules.indexOf(rule), 1);
    return rule?.trouble;
  };

  const listen = async () => {
    const server = createServer((incoming, outgoing) => {
      const line = `${incoming.method} ${incoming.url}`;
      calls.push(line);
      for (const { wake } of waiting.filter(({ call }) => call.test(line))) wake();
      pass(incoming, outgoing, engineSocket, takeRule(line));
    });
    const conversations = new Set<Duplex>();
    server.on('upgrade', (incoming, socket, first) => {
      conversations.add(socket);
      socket.on('close', () => conversations.delete(socket));
      const line = `${incoming.method} ${incoming.url}`;
      calls.push(line);
      for (const { wake } of waiting.filter(({ call }) => call.test(line))) wake();
      converse(incoming, socket, first, engineSocket, takeRule(line));
    });
    server.listen(socketPath);
    await once(server, 'listening');
    return async () => {
      server.close();
      server.closeAllConnections();
      // Those that were taken over are not among the server's own any more.
      for (const socket of conversations) socket.destroy();
      await once(server, 'close');
    };
  };

  let stop = await listen();
  return {
    socketPath,
    calls,
    add(rule) {
      rules.push(rule);
      return () => {
        const at = rules.indexOf(rule);
        if (at >= 0) rules.splice(at, 1);
      };
    },
    arrival: (call) => new Promise<void>((wake) => waiting.push({ call, wake })),
    async unplug() {
      await stop();
      return async () => {
        stop = await listen();
      };
    },
    close: () => stop(),
  };
}

function pass(incoming: IncomingMessage, outgoing: ServerResponse, socketPath: string, trouble?: Trouble): void {
  if (trouble?.kind === 'silence') return;
  if (trouble?.kind === 'drop-before') return void outgoing.destroy();
  if (trouble?.kind === 'answer') return say(outgoing, trouble.status, JSON.stringify(trouble.body));
  const { method, url, headers } = incoming;
  const onward = request({ socketPath, method, path: url, headers }, (answer) => {
    if (trouble === undefined) {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      return void answer.pipe(outgoing);
    }
    collect(answer, (body) => {
      if (trouble.kind === 'drop-after') return void outgoing.destroy();
      if (trouble.kind === 'answer-after') return say(outgoing, trouble.status, JSON.stringify(trouble.body));
      say(outgoing, answer.statusCode ?? 500, trouble.change(body));
    });
  });
  onward.on('error', () => outgoing.destroy());
  // A caller who hangs up has the engine notice, as without us. The engine still finishes what drop-after and the like began.
  if (trouble === undefined) outgoing.on('close', () => onward.destroy());
  incoming.pipe(onward);
}

/**
 * The same for a call that becomes a conversation. It may be dropped before or after the engine has heard it; other trouble is for
 * calls that are answered.
 */
function converse(
  { method, url, headers }: IncomingMessage,
  caller: Duplex,
  first: Buffer,
  socketPath: string,
  trouble?: Trouble,
): void {
  // Whoever hangs up has hung up; the other side notices by its own end.
  caller.on('error', () => caller.destroy());
  if (trouble?.kind === 'silence') return;
  if (trouble?.kind === 'drop-before') return void caller.destroy();
  if (trouble?.kind === 'answer') {
    const body = JSON.stringify(trouble.body);
    return void caller.end(`HTTP/1.1 ${trouble.status} -\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }
  const onward = request({ socketPath, method, path: url, headers, agent: false });
  onward.on('error', () => caller.destroy());
  onward.on('response', (answer) => {
    collect(answer, (body) => {
      caller.end(`HTTP/1.1 ${answer.statusCode} -\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    });
  });
  onward.on('upgrade', (_answer, engine, early) => {
    engine.on('error', () => caller.destroy());
    if (trouble?.kind === 'drop-after') return void caller.destroy();
    caller.write('HTTP/1.1 101 UPGRADED\r\nconnection: Upgrade\r\nupgrade: tcp\r\n\r\n');
    caller.write(early);
    engine.pipe(caller);
    caller.pipe(engine);
    caller.on('close', () => engine.destroy());
  });
  const length = Number(headers['content-length'] ?? 0);
  const body: Buffer[] = [];
  let size = 0;
  const take = (chunk: Buffer): void => {
    body.push(chunk);
    size += chunk.length;
    if (size < length) return;
    caller.off('data', take);
    caller.pause();
    onward.end(Buffer.concat(body));
  };
  caller.on('data', take);
  if (first.length > 0) take(first);
}

function say(outgoing: ServerResponse, status: number, body: string): void {
  outgoing.writeHead(status, { 'content-type': 'application/json' });
  outgoing.end(status === 204 ? undefined : body);
}

function collect(answer: IncomingMessage, done: (body: string) => void): void {
  let body = '';
  answer.setEncoding('utf8');
  answer.on('data', (chunk: string) => {
    body += chunk;
  });
  answer.on('end', () => done(body));
}
