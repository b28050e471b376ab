import type { Pool } from 'undici';

/** One exchange with the API. The signal carries both the caller's abort and the deadline. */
export interface VultrRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Below the endpoint, with the query: `/instances?label=x`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
}

export interface VultrResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/**
 * Sends once, never again by itself. Rejects when no complete answer arrived; the error's `code` (ECONNREFUSED, ENOTFOUND,
 * …) tells when the request provably never left.
 */
export type VultrTransport = (request: VultrRequest) => Promise<VultrResponse>;

/** Five hundred instances are about 1 MB. */
const ANSWER_CAP = 16 * 1024 * 1024;

/** HTTPS to the endpoint, on connections of its own. Proxy variables of the environment are not used. */
export async function httpsTransport(endpoint: string): Promise<{ transport: VultrTransport; close(): Promise<void> }> {
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
