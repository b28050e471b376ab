import { Agent, errors } from 'undici';
import { NotSentError, type Transport, type WireRequest, type WireResponse } from './transport.ts';

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
  const agent = new Agent({
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

  async function transport(request: WireRequest): Promise<WireResponse> {
    const controller = new AbortController();
    const onAbort = (): void => controller.abort(request.signal?.reason);
    if (request.signal?.aborted) onAbort();
    request.signal?.addEventListener('abort', onAbort, { once: true });
    const late = new Error(`no answer within ${request.timeoutMs} ms (${options.name})`);
    const timer = setTimeout(() => controller.abort(late), request.timeoutMs);
    try {
      const answer = await agent.request({
        origin,
        path: `${prefix}${request.path}`,
        method: request.method,
        headers: { ...request.headers },
        body: request.body ?? null,
        signal: controller.signal,
      });
      const body = await answer.body.text();
      return { status: answer.statusCode, headers: flatten(answer.headers), body };
    } catch (error) {
      throw neverSent(error)
        ? new NotSentError(`cannot connect to ${origin}: ${reason(error)}`, { cause: error })
        : error;
    } finally {
      clearTimeout(timer);
      request.signal?.removeEventListener('abort', onAbort);
    }
  }

  return Object.assign(transport, { close: () => agent.destroy() });
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
