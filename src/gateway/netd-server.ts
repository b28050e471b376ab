import { createServer, type Server, type Socket } from 'node:net';
import { z } from 'zod';
import type { Log } from '../ports/log.ts';
import { eachLine } from './netd-lines.ts';
import { MAX_LINE_BYTES, type Reply, request } from './netd-protocol.ts';
import type { NetdWork } from './netd-work.ts';
import { NftRefusal } from './nft-run.ts';
import { GatewayError } from './port.ts';

/** Where to listen: what systemd has opened for us, or a path. */
export type ListenAt = { readonly fd: number } | { readonly path: string };

export interface NetdServer {
  close(): Promise<void>;
}

/**
 * The helper's door. Whoever the socket's mode lets in may ask; see docs/decisions/0014. A connection that is silent, or says what
 * is no request, is told so and ended.
 */
export async function startNetdServer(work: NetdWork, at: ListenAt, log: Log): Promise<NetdServer> {
  const stop = new AbortController();
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    // A peer that goes away in the middle has no answer to get.
    socket.on('error', (error) => log.debug({ error }, 'netd: connection broke off'));
    serve(socket, work, stop.signal, log);
  });
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, at);
  return {
    async close() {
      stop.abort(new Error('the helper is stopping'));
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const MAX_CONNECTIONS = 16;
const SILENCE_MS = 30_000;

function serve(socket: Socket, work: NetdWork, signal: AbortSignal, log: Log): void {
  const send = (reply: Reply): void => void socket.write(`${JSON.stringify(reply)}\n`);
  const refuse = (message: string): void => {
    send({ ok: false, kind: 'config', message });
    socket.end();
    socket.removeAllListeners('data');
  };
  socket.setTimeout(SILENCE_MS, () => socket.destroy());
  eachLine(
    socket,
    MAX_LINE_BYTES,
    async (line) => {
      const parsed = parseLine(line);
      if ('problem' in parsed) return refuse(parsed.problem);
      // Waiting for others' requests is no silence.
      socket.setTimeout(0);
      send(await answer(parsed.request, work, signal, log));
      socket.setTimeout(SILENCE_MS);
    },
    () => refuse(`a request may have ${MAX_LINE_BYTES} bytes`),
  );
}

function parseLine(line: string): { request: z.output<typeof request> } | { problem: string } {
  try {
    const { success, data, error } = request.safeParse(JSON.parse(line));
    return success ? { request: data } : { problem: `not a request: ${z.prettifyError(error).slice(0, 500)}` };
  } catch {
    // No JSON, or nested so deeply that looking at it takes more stack than there is.
    return { problem: 'a request is one line of JSON' };
  }
}

async function answer(asked: z.output<typeof request>, work: NetdWork, signal: AbortSignal, log: Log): Promise<Reply> {
  try {
    return { ok: true, answer: await work.answer(asked, signal) };
  } catch (error) {
    log.error({ error, op: asked.op }, 'netd: request failed');
    if (error instanceof GatewayError) return { ok: false, kind: error.kind, message: error.message };
    const message = error instanceof Error ? error.message : 'unknown';
    if (error instanceof NftRefusal) return { ok: false, kind: 'retry', message };
    return { ok: false, kind: 'retry', message: `the helper failed: ${message}` };
  }
}

function listen(server: Server, at: ListenAt): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(at, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
