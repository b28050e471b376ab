import type { Pool } from 'undici';

/** One exchange with a web API. The signal carries both the caller's abort and the deadline. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the endpoint, with the query: `/servers?name=x`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
}

export interface ApiResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/**
 * Sends once, never again by itself. Rejects when no complete answer arrived; the error's `code` tells when the request provably
 * never left, see `wasSent`.
 */
export type ApiTransport = (request: ApiRequest) => Promise<ApiResponse>;

/** Undefined for text that is no JSON; every schema then says no. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Two hundred machines are less than a megabyte. */
const ANSWER_CAP = 16 * 1024 * 1024;

/** HTTPS to the endpoint, on connections of its own. Proxy variables of the environment are not used. */
export async function httpsTransport(endpoint: string): Promise<{ transport: ApiTransport; close(): Promise<void> }> {
  const { Pool } = await import('undici');
  const url = new URL(endpoint);
  const prefix = url.pathname.replace(/\/+$/, '');
  const pool: Pool = new Pool(url.origin, {
    connections: 16,
    pipelining: 1,
    allowH2: false,
    connect: { timeout: 10_000 },
    // Long enough for the pause between two polls, shorter than what proxies in front of an API keep open.
    keepAliveTimeout: 10_000,
    keepAliveMaxTimeout: 10_000,
    maxResponseSize: ANSWER_CAP,
    // The caller's signal is the only deadline; two would disagree.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  return {
    async transport({ method, path, headers, body, signal }) {
      const response = await pool.request({
        method,
        path: `${prefix}${path}`,
        headers: { ...headers },
        signal,
        body: body ?? null,
      });
      return { status: response.statusCode, headers: response.headers, body: await response.body.text() };
    },
    close: () => pool.destroy(),
  };
}

/** Codes of errors that mean: no connection, so nothing was sent. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** False only when the error proves that the request never left this host. */
export function wasSent(error: unknown): boolean {
  return !NOT_SENT.has(transportCode(error) ?? '');
}

export function transportCode(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}
