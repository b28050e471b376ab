import { createServer, type Server, type Socket } from 'node:net';
import { type Clock, systemClock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import { converse, type Place } from './netd-conversation.ts';
import { Crowd } from './netd-crowd.ts';
import { MAX_LINE_BYTES } from './netd-protocol.ts';

/** Where to listen: what systemd has opened for us, or a path. */
export type ListenAt = { readonly fd: number } | { readonly path: string };

export interface NetdServer {
  close(): Promise<void>;
}

export interface NetdServerOptions {
  readonly log: Log;
  readonly clock?: Clock;
}

const PLACES = 64;
/** For requests that are under way or wait for their turn, of all connections together. */
const BYTES = 3 * MAX_LINE_BYTES;

/**
 * The helper's door. Whoever the socket's mode lets in may ask; see docs/decisions/0014. Requests are done one after the other, and of each
 * connection one at a time: however many there are and whatever they send, the next one has its turn, and memory is bounded.
 */
export async function startNetdServer(
  work: Place['work'],
  at: ListenAt,
  { log, clock = systemClock }: NetdServerOptions,
): Promise<NetdServer> {
  const stop = new AbortController();
  const open = new Set<Socket>();
  const crowd = new Crowd({ places: PLACES, bytes: BYTES });
  const place: Place = { work, crowd, clock, log, signal: stop.signal, inTurn: oneByOne() };
  const server = createServer((socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    // A peer that goes away in the middle has no answer to get.
    socket.on('error', (error) => log.debug({ error }, 'netd: connection broke off'));
    converse(socket, place);
  });
  await listen(server, at);
  return {
    async close() {
      stop.abort(new Error('the helper is stopping'));
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** So of all requests one at a time takes up memory as more than a line. */
function oneByOne(): Place['inTurn'] {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work, work);
    last = mine.catch(() => {});
    return mine;
  };
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
