import { request } from 'node:http';
import type { Socket } from 'node:net';

export interface Attachment {
  readonly socketPath: string;
  readonly path: string;
  /** JSON. */
  readonly body: string;
  /** What the process reads, to its end. Without it nothing is sent. */
  readonly input: string | undefined;
  /** Standard output and standard error, as they come. */
  readonly onOutput: (chunk: Buffer) => void;
  readonly signal: AbortSignal;
}

/** What the engine said instead of opening the conversation. */
export interface Declined {
  readonly status: number;
  readonly text: string;
}

/** A refusal is one sentence in JSON. */
const MAX_REFUSAL_BYTES = 64 * 1024;

/**
 * Starts a process inside a container and stays connected until the engine ends the conversation. Rejects when the connection
 * breaks or the signal ends it; the process goes on by itself then.
 *
 * The engine takes over the connection for it (101), which is how input can be sent and its end be told.
 */
export function attach({ socketPath, path, body, input, onOutput, signal }: Attachment): Promise<Declined | undefined> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', connection: 'Upgrade', upgrade: 'tcp' };
    // No agent: a connection that was taken over is never used again.
    const call = request({ socketPath, path, method: 'POST', headers, agent: false, signal });
    call.on('error', reject);
    call.on('response', (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => {
        if (text.length < MAX_REFUSAL_BYTES) text += chunk;
        else answer.destroy(new Error('its refusal does not end'));
      });
      answer.on('error', reject);
      answer.on('end', () => {
        const { statusCode: status = 500 } = answer;
        if (status >= 400) return resolve({ status, text });
        reject(new Error(`it answered ${status} instead of opening a conversation`));
      });
    });
    call.on('upgrade', (_answer, socket: Socket, first: Buffer) => {
      const frames = new Frames(onOutput);
      const finish = (error?: unknown): void => {
        signal.removeEventListener('abort', onAbort);
        socket.destroy();
        if (error === undefined) resolve(undefined);
        else reject(error instanceof Error ? error : new Error('the conversation broke off', { cause: error }));
      };
      const take = (chunk: Buffer): void => {
        try {
          frames.push(chunk);
        } catch (error) {
          finish(error);
        }
      };
      const onAbort = (): void => finish(signal.reason ?? new Error('cancelled'));
      // The request's own signal has no hold on a connection that was taken over.
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      socket.on('error', finish);
      socket.on('data', take);
      socket.on('close', () => finish(frames.whole ? undefined : new Error('the conversation broke off')));
      if (first.length > 0) take(first);
      if (input !== undefined) socket.end(input);
    });
    call.end(body);
  });
}

const HEAD_BYTES = 8;

/** The engine's framing: one byte for the stream, three zeros, four bytes of length, then so much of it. Keeps no frame in memory. */
class Frames {
  readonly #onOutput: (chunk: Buffer) => void;
  readonly #head = Buffer.alloc(HEAD_BYTES);
  #headHas = 0;
  #left = 0;

  constructor(onOutput: (chunk: Buffer) => void) {
    this.#onOutput = onOutput;
  }

  /** Nothing is missing of what was announced. */
  get whole(): boolean {
    return this.#headHas === 0 && this.#left === 0;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#left > 0) {
        const part = chunk.subarray(at, at + this.#left);
        at += part.length;
        this.#left -= part.length;
        this.#onOutput(part);
        continue;
      }
      const copied = chunk.copy(this.#head, this.#headHas, at, at + HEAD_BYTES - this.#headHas);
      at += copied;
      this.#headHas += copied;
      if (this.#headHas < HEAD_BYTES) return;
      this.#headHas = 0;
      if (this.#head.readUInt8(0) > 2 || this.#head.readUIntBE(1, 3) !== 0) {
        throw new Error('the conversation is not framed as Docker does');
      }
      this.#left = this.#head.readUInt32BE(4);
    }
  }
}
