import type { Socket } from 'node:net';
import { z } from 'zod';
import type { Cancel, Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Crowd, Guest } from './netd-crowd.ts';
import { eachLine } from './netd-lines.ts';
import { hasTooManyParts, MAX_LINE_BYTES, type Reply, type Request, request } from './netd-protocol.ts';
import type { NetdWork } from './netd-work.ts';
import { NftRefusal } from './nft-run.ts';
import { GatewayError } from './port.ts';

export interface Place {
  readonly work: Pick<NetdWork, 'answer'>;
  readonly crowd: Crowd;
  readonly clock: Clock;
  readonly log: Log;
  /** The helper is stopping. */
  readonly signal: AbortSignal;
  /** Does one thing after the other, for all connections together. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
}

const SILENCE_MS = 30_000;
/** From the first byte of a request to its last, and from an answer to its having been read. */
const EXCHANGE_MS = 10_000;

/**
 * Answers what one connection asks, a request at a time, until it ends. It is ended when it is silent or slow, does not read what it is
 * answered, or says what is no request; and when others need the room.
 */
export function converse(socket: Socket, { work, crowd, clock, log, signal, inTurn }: Place): void {
  let cancel: Cancel = () => {};
  const allow = (ms: number): void => {
    cancel();
    cancel = clock.after(ms, () => socket.destroy());
  };
  const isOver = (): boolean => socket.destroyed || socket.writableEnded;
  const end = (kind: 'retry' | 'config', message: string): void => {
    if (isOver()) return;
    endReading();
    socket.write(lineOf({ ok: false, kind, message }));
    socket.destroySoon();
    allow(EXCHANGE_MS);
  };
  const guest: Guest = {
    leave(why) {
      // Whoever has not read the last answer does not read why it was the last.
      if (socket.writableNeedDrain) socket.destroy();
      else end('retry', why);
    },
  };
  const endReading = eachLine(socket, {
    limit: MAX_LINE_BYTES,
    hold: (bytes) => crowd.hold(guest, bytes),
    begun: () => allow(EXCHANGE_MS),
    tooLong: () => end('config', `a request may have ${MAX_LINE_BYTES} bytes`),
    async take(line) {
      // Waiting for others' requests is no silence.
      cancel();
      crowd.waits(guest);
      const reply = await inTurn(async () => {
        if (isOver()) return undefined;
        crowd.works(guest);
        const asked = parseLine(line());
        return 'problem' in asked ? asked : answer(asked, work, signal, log);
      });
      if (reply === undefined || isOver()) return;
      if ('problem' in reply) return end('config', reply.problem);
      crowd.answered(guest);
      allow(EXCHANGE_MS);
      const text = lineOf(reply);
      if (!socket.write(text) && crowd.hold(guest, text.length)) {
        await emptied(socket);
        crowd.hold(guest, -text.length);
      }
      if (!isOver()) allow(SILENCE_MS);
    },
  });
  socket.once('close', () => {
    cancel();
    endReading();
    crowd.left(guest);
  });
  allow(SILENCE_MS);
  crowd.enter(guest);
}

function lineOf(reply: Reply): string {
  return `${JSON.stringify(reply)}\n`;
}

/** Resolves when all that was written is taken by the other side, or it is gone. */
function emptied(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    socket.on('drain', done);
    socket.on('close', done);
  });
}

function parseLine(line: string): Request | { readonly problem: string } {
  if (hasTooManyParts(line)) return { problem: 'not a request: it has more parts than the largest plan' };
  try {
    const { success, data, error } = request.safeParse(JSON.parse(line));
    return success ? data : { problem: `not a request: ${z.prettifyError(error).slice(0, 500)}` };
  } catch {
    // No JSON, or nested so deeply that looking at it takes more stack than there is.
    return { problem: 'a request is one line of JSON' };
  }
}

async function answer(asked: Request, work: Place['work'], signal: AbortSignal, log: Log): Promise<Reply> {
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
