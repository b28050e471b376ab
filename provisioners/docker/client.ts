import { Pool } from 'undici';
import type { z } from 'zod';
import { type Clock, isProvisionerError, ProvisionerError } from '../../src/provisioner/index.ts';
import { type Attachment, attach } from './attach.ts';
import { oneLine, type Refusal, refused } from './errors.ts';

export interface EngineCall<Answer> {
  /** Completes the sentence "Docker refused to …". */
  readonly doing: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON, or as a tar archive when it is bytes. */
  readonly body?: object | Uint8Array;
  /** What a 2xx answer must look like; without it the body is not read for meaning. */
  readonly answer?: z.ZodType<Answer>;
  /** Refusals that the caller deals with, returned instead of thrown. */
  readonly expects?: (refusal: Refusal) => boolean;
  readonly signal: AbortSignal;
  /** Milliseconds; default: the client's. */
  readonly timeoutMs?: number;
}

type Request = Omit<EngineCall<unknown>, 'answer'>;

export type EngineAnswer<Answer> =
  | { readonly ok: true; readonly status: number; readonly value: Answer }
  | { readonly ok: false; readonly refusal: Refusal };

/** 1,000 containers list in about 2 MB; sixteen times that is a broken answer, not a big one. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;
/** One progress line of a pull or one event. */
const MAX_LINE_BYTES = 1024 * 1024;

/** No connection, so nothing was sent. EAGAIN is a socket whose engine takes no more callers: it hangs. */
const NOT_CONNECTED = new Set(['ENOENT', 'ENOTDIR', 'ECONNREFUSED', 'ENOTSOCK', 'EAGAIN', 'UND_ERR_CONNECT_TIMEOUT']);

/**
 * Docker Engine's HTTP API over its unix socket, and nothing else: one request per call, never repeated. The API version is not
 * pinned, so that every engine answers in its own newest dialect.
 *
 * Errors: `retry` when the engine was not reached or a read failed, `unknown-outcome` when a write was sent and no whole answer
 * came back (also on cancellation), `config` when the socket may not be opened, otherwise what the refusal means.
 */
export class EngineClient {
  readonly #pool: Pool;
  readonly #clock: Clock;
  readonly #socket: string;
  readonly #timeoutMs: number;

  constructor(options: { socketPath: string; clock: Clock; timeoutMs: number }) {
    this.#socket = options.socketPath;
    this.#clock = options.clock;
    this.#timeoutMs = options.timeoutMs;
    this.#pool = new Pool('http://docker', {
      socketPath: options.socketPath,
      connections: 64,
      pipelining: 1,
      allowH2: false,
      // Each call has its own deadline; undici's would cut slow but healthy answers such as a stop with a long grace.
      headersTimeout: 0,
      bodyTimeout: 0,
      connectTimeout: 10_000,
    });
  }

  /** One exchange with a JSON answer. */
  async call<Answer = undefined>(call: EngineCall<Answer>): Promise<EngineAnswer<Answer>> {
    const exchange = await this.#send(call);
    let text: string;
    try {
      text = await readAll(exchange.body);
    } catch (error) {
      throw this.#failed(call, error);
    } finally {
      exchange.end();
    }
    if (exchange.status >= 400) return expected(call, refusal(call.doing, exchange.status, text));
    // 304 is the engine's "already so".
    if (call.answer === undefined) return { ok: true, status: exchange.status, value: undefined as Answer };
    const parsed = call.answer.safeParse(parseJson(text));
    if (parsed.success) return { ok: true, status: exchange.status, value: parsed.data };
    throw this.#failed(call, new Error(`it is not what Docker sends: ${oneLine(text).slice(0, 120)}`));
  }

  /** One exchange whose answer is a stream of JSON lines, for as long as the engine sends and the caller reads. */
  async *lines<Line>(call: EngineCall<Line> & { answer: z.ZodType<Line> }): AsyncGenerator<Line, void, undefined> {
    const exchange = await this.#send(call);
    try {
      if (exchange.status >= 400) {
        throw refused(refusal(call.doing, exchange.status, await readAll(exchange.body)));
      }
      for await (const line of readLines(exchange.body)) {
        const parsed = call.answer.safeParse(parseJson(line));
        if (!parsed.success) throw new Error(`a line of it is not what Docker sends: ${oneLine(line).slice(0, 120)}`);
        yield parsed.data;
      }
    } catch (error) {
      throw isProvisionerError(error) ? error : this.#failed(call, error);
    } finally {
      exchange.end();
    }
  }

  /** One exchange whose answer is taken as bytes: the first `limit` of them, however many there are. */
  async bytes(call: Request, limit: number): Promise<EngineAnswer<Buffer>> {
    const exchange = await this.#send(call);
    try {
      if (exchange.status >= 400) {
        return expected(call, refusal(call.doing, exchange.status, await readAll(exchange.body)));
      }
      return { ok: true, status: exchange.status, value: await readUpTo(exchange.body, limit) };
    } catch (error) {
      throw isProvisionerError(error) ? error : this.#failed(call, error);
    } finally {
      exchange.end();
    }
  }

  /** One exchange that becomes a conversation with a process inside a container; resolves when the engine ended it. */
  async attach(call: Request, { input, onOutput }: Pick<Attachment, 'input' | 'onOutput'>): Promise<void> {
    const { path, body = {}, signal } = call;
    const options = { socketPath: this.#socket, path, body: JSON.stringify(body), input, onOutput, signal };
    const answer = await attach(options).catch((error: unknown) => {
      throw this.#failed(call, error);
    });
    if (answer !== undefined) throw refused(refusal(call.doing, answer.status, answer.text));
  }

  /** Ends every connection and refuses new calls. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #send(call: Request): Promise<{ status: number; body: AsyncIterable<Uint8Array>; end: () => void }> {
    if (call.signal.aborted) {
      throw new ProvisionerError('retry', `Did not ${call.doing}: cancelled`, { cause: call.signal.reason });
    }
    const deadline = new AbortController();
    const ms = call.timeoutMs ?? this.#timeoutMs;
    const end = Number.isFinite(ms)
      ? this.#clock.after(ms, () => deadline.abort(new Error(`no whole answer within ${ms / 1000} s`)))
      : () => {};
    try {
      const response = await this.#pool.request({
        method: call.method,
        path: call.query === undefined ? call.path : `${call.path}?${new URLSearchParams(call.query).toString()}`,
        headers: headersOf(call.body),
        body: call.body === undefined ? null : call.body instanceof Uint8Array ? call.body : JSON.stringify(call.body),
        signal: AbortSignal.any([call.signal, deadline.signal]),
      });
      return { status: response.statusCode, body: response.body, end };
    } catch (error) {
      end();
      throw this.#failed(call, error);
    }
  }

  #failed({ doing, method }: Request, cause: unknown): ProvisionerError {
    const code = errorCode(cause);
    const where = `the Docker engine at ${this.#socket}`;
    if (code === 'EACCES' || code === 'EPERM') {
      return new ProvisionerError(
        'config',
        `May not open ${where}: let the agent's user into the group of that socket`,
        { cause },
      );
    }
    if (code !== undefined && NOT_CONNECTED.has(code)) {
      return new ProvisionerError('retry', `Could not ${doing}: ${where} takes no calls (${code})`, { cause });
    }
    const why = cause instanceof Error ? oneLine(cause.message) : 'cancelled';
    if (method === 'GET') {
      return new ProvisionerError('retry', `Could not ${doing}: ${where} gave no usable answer: ${why}`, { cause });
    }
    return new ProvisionerError('unknown-outcome', `Asked ${where} to ${doing}, its answer was lost: ${why}`, {
      cause,
    });
  }
}

function expected(call: Request, refusal: Refusal): { ok: false; refusal: Refusal } {
  if (call.expects?.(refusal) ?? false) return { ok: false, refusal };
  throw refused(refusal);
}

function refusal(doing: string, status: number, text: string): Refusal {
  const body = parseJson(text);
  const said = typeof body === 'object' && body !== null && 'message' in body ? body.message : undefined;
  return { doing, status, message: typeof said === 'string' ? said : text };
}

function headersOf(body: object | Uint8Array | undefined): Record<string, string> {
  if (body === undefined) return {};
  return { 'content-type': body instanceof Uint8Array ? 'application/x-tar' : 'application/json' };
}

async function readAll(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > MAX_BODY_BYTES) throw new Error(`it is larger than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function readUpTo(body: AsyncIterable<Uint8Array>, limit: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let left = limit;
  for await (const chunk of body) {
    chunks.push(chunk.subarray(0, left));
    left -= chunk.byteLength;
    // Leaving the loop ends the connection.
    if (left <= 0) break;
  }
  return Buffer.concat(chunks);
}

async function* readLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
      const line = rest.slice(0, end).trim();
      rest = rest.slice(end + 1);
      if (line !== '') yield line;
    }
    if (rest.length > MAX_LINE_BYTES) throw new Error(`a line of it is longer than ${MAX_LINE_BYTES} bytes`);
  }
  if (rest.trim() !== '') yield rest.trim();
}

/** Undefined for what is not JSON: the caller's schema refuses it with the right words. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function errorCode(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}
