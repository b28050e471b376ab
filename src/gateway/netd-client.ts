import { connect } from 'node:net';
import { sleep, systemClock } from '../ports/clock.ts';
import { type Answer, answers, type Op, type RequestInput, reply, TURNED_AWAY } from './netd-protocol.ts';
import { GatewayError } from './port.ts';

/** Asks the helper. Throws GatewayError: `retry` when it does not answer or cannot now, `config` when somebody has to act first. */
export interface NetdClient {
  ask<O extends Op>(request: Extract<RequestInput, { op: O }>, signal: AbortSignal): Promise<Answer<O>>;
}

export function createNetdClient(path: string): NetdClient {
  return {
    async ask(request, signal) {
      const line = await exchange(path, JSON.stringify(request), signal);
      const parsed = reply.safeParse(line);
      if (!parsed.success) throw unclear(path, parsed.error);
      if (!parsed.data.ok) throw new GatewayError(parsed.data.kind, `the network helper: ${parsed.data.message}`);
      const answer = answers[request.op].safeParse(parsed.data.answer);
      if (!answer.success) throw unclear(path, answer.error);
      return answer.data as Answer<typeof request.op>;
    },
  };
}

/** Longer than the helper gives nft, so its own words arrive. */
const LIMIT_MS = 60_000;
/** Some bytes for each counter of the largest fleet. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

const LOOK_AGAIN_MS = 20;

/** Where so many stand at the door that the kernel lets nobody join them, or that one has to go who was not heard yet, it is tried again. */
async function exchange(path: string, line: string, signal: AbortSignal): Promise<unknown> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  for (;;) {
    try {
      const answer = await exchangeOnce(path, line, signal, limit);
      if (!isTurnedAway(answer) || limit.aborted) return answer;
    } catch (error) {
      const isFull = error instanceof GatewayError && codeOf(error.cause) === 'EAGAIN';
      if (!isFull || limit.aborted) throw error;
    }
    await sleep(systemClock, LOOK_AGAIN_MS, signal);
  }
}

function isTurnedAway(answer: unknown): boolean {
  const { data } = reply.safeParse(answer);
  return data?.ok === false && data.message === TURNED_AWAY;
}

function exchangeOnce(path: string, line: string, signal: AbortSignal, limit: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    if (limit.aborted) return reject(limit.reason);
    const socket = connect({ path, signal: limit });
    const chunks: Buffer[] = [];
    let size = 0;
    const fail = (error: GatewayError): void => {
      socket.destroy();
      reject(error);
    };
    socket.on('connect', () => socket.write(`${line}\n`));
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_ANSWER_BYTES) return fail(unclear(path, new Error(`more than ${MAX_ANSWER_BYTES} bytes`)));
      if (!chunk.includes(0x0a)) return;
      socket.destroy();
      try {
        resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')));
      } catch (cause) {
        reject(unclear(path, cause));
      }
    });
    socket.on('error', (cause) => {
      if (signal.aborted) return reject(signal.reason);
      fail(unreachable(path, cause));
    });
    socket.on('close', () => fail(unreachable(path, new Error('it hung up without an answer'))));
  });
}

function unreachable(path: string, cause: Error): GatewayError {
  return codeOf(cause) === 'EACCES'
    ? new GatewayError('config', `this user may not use the network helper at ${path}; it is for the group dc-agent`, {
        cause,
      })
    : new GatewayError(
        'retry',
        `the network helper does not answer at ${path} (${cause.message}); see: systemctl status dc-agent-netd`,
        { cause },
      );
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function unclear(path: string, cause: unknown): GatewayError {
  return new GatewayError(
    'retry',
    `what the network helper at ${path} answers is not understood; is it of another version?`,
    { cause },
  );
}
