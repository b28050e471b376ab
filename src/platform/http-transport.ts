import { type Dispatcher, errors, Pool } from 'undici';
import {
  NotSentError,
  type StreamTransport,
  type Transport,
  type WireRequest,
  type WireResponse,
} from './transport.ts';

export interface HttpTransportOptions {
  /** `http(s)://host[:port][/prefix]`; a trailing slash is ignored. */
  readonly endpoint: string;
  /** Tells the lanes apart in errors. */
  readonly name: string;
  /** Connections at most; further requests wait for one, inside their deadline. */
  readonly connections?: number;
  /** Trusted certificates (PEM) in place of the built-in ones. */
  readonly ca?: string;
}

export type HttpTransport = Transport & {
  /** For answers that go on. Each occupies a connection for as long as it lasts. */
  readonly stream: StreamTransport;
  /** Breaks what is under way and frees the connections. */
  close(): Promise<void>;
};

const CONNECT_TIMEOUT_MS = 10_000;
/** The largest honest answer, a work list of a thousand contracts with scripts, is far below. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
/** Longer than the pause between two polls, shorter than the idle limit of common proxies (60 s and up). */
const KEEP_ALIVE_MS = 15_000;

/** HTTP/1.1 over a connection pool of its own. Proxy variables of the environment are not used. */
export function createHttpTransport(options: HttpTransportOptions): HttpTransport {
  const { origin, prefix } = parseEndpoint(options.endpoint);
  const pool = new Pool(origin, {
    connections: options.connections ?? 8,
    pipelining: 1,
    allowH2: false,
    connect: { timeout: CONNECT_TIMEOUT_MS, ...(options.ca === undefined ? {} : { ca: options.ca }) },
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    maxResponseSize: MAX_ANSWER_BYTES,
    // The whole exchange has one deadline, kept below.
    headersTimeout: 0,
    bodyTimeout: 0,
  });

  async function send(request: WireRequest, signal: AbortSignal, bodyTimeout = 0): Promise<Dispatcher.ResponseData> {
    try {
      return await pool.request({
        path: `${prefix}${request.path}`,
        method: request.method,
        headers: { ...request.headers },
        body: request.body ?? null,
        signal,
        bodyTimeout,
      });
    } catch (error) {
      if (!neverSent(error)) throw error;
      throw new NotSentError(`cannot connect to ${origin}: ${reason(error)}`, { cause: error });
    }
  }

  async function transport(request: WireRequest): Promise<WireResponse> {
    const deadline = startDeadline(request, options.name);
    try {
      const answer = await send(request, deadline.signal);
      refuseLarge(answer);
      return { status: answer.statusCode, headers: flatten(answer.headers), body: await answer.body.text() };
    } finally {
      deadline.end();
    }
  }

  const stream: StreamTransport = async (request) => {
    const deadline = startDeadline(request, options.name);
    try {
      const answer = await send(request, deadline.signal, request.silenceMs);
      deadline.met();
      return { status: answer.statusCode, headers: flatten(answer.headers), text: textOf(answer.body, deadline.end) };
    } catch (error) {
      deadline.end();
      throw error;
    }
  };

  return Object.assign(transport, { stream, close: () => pool.destroy() });
}

/** One signal for the caller's abort and the deadline. `met` lifts the deadline alone. */
function startDeadline({ signal, timeoutMs }: WireRequest, name: string) {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(signal?.reason);
  const late = new Error(`no answer within ${timeoutMs} ms (${name})`);
  const timer = setTimeout(() => controller.abort(late), timeoutMs);
  const met = (): void => clearTimeout(timer);
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  const end = (): void => {
    met();
    signal?.removeEventListener('abort', onAbort);
  };
  return { signal: controller.signal, met, end };
}

/** The pool counts the bytes that arrive; an answer that announces too many need not arrive first. */
function refuseLarge({ headers, body }: Dispatcher.ResponseData): void {
  if (Number(headers['content-length'] ?? 0) <= MAX_ANSWER_BYTES) return;
  const error = new errors.ResponseExceededMaxSizeError();
  body.on('error', () => {});
  body.destroy(error);
  throw error;
}

async function* textOf(body: Dispatcher.ResponseData['body'], end: () => void): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  try {
    for await (const chunk of body) yield decoder.decode(chunk, { stream: true });
  } finally {
    end();
  }
}

/** Splits and checks an endpoint. Throws a TypeError that does not repeat credentials. */
export function parseEndpoint(endpoint: string): { origin: string; prefix: string } {
  const url = URL.canParse(endpoint.trim()) ? new URL(endpoint.trim()) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) throw new TypeError('the endpoint has to be an http:// or https:// URL');
  if (url.username !== '' || url.password !== '')
    throw new TypeError('the endpoint must not hold a user name or password');
  if (url.search !== '' || url.hash !== '') throw new TypeError('the endpoint must not hold a query or fragment');
  return { origin: url.origin, prefix: url.pathname.replace(/\/+$/, '') };
}

/** Failures of the TLS handshake, so from before the first byte of the request. */
const HANDSHAKE = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'ERR_SSL_WRONG_VERSION_NUMBER',
]);

function neverSent(error: unknown): boolean {
  // Several addresses of one name were tried: only when each of them failed that early is it certain.
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.every(neverSent);
  if (error instanceof errors.ConnectTimeoutError) return true;
  if (!(error instanceof Error)) return false;
  const { code, syscall } = error as NodeJS.ErrnoException;
  // The same code (EHOSTUNREACH) may also break a request under way: the system call tells.
  return syscall === 'connect' || syscall === 'getaddrinfo' || (code !== undefined && HANDSHAKE.has(code));
}

function reason(error: unknown): string {
  if (error instanceof AggregateError) return [...new Set(error.errors.map(reason))].join(', ');
  return error instanceof Error ? error.message : String(error);
}

function flatten(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
}
