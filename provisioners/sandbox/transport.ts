import type { Pool } from 'undici';

/** One exchange with the sandbox. The signal carries both the caller's abort and the deadline. */
export interface SandboxRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: string;
  readonly signal: AbortSignal;
}

export interface SandboxResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/**
 * Sends once, never again by itself. Rejects when no complete answer arrived; the error's `code` (ECONNREFUSED, ENOENT,
 * EACCES) tells when the request provably never left.
 */
export type SandboxTransport = (request: SandboxRequest) => Promise<SandboxResponse>;

/** An answer larger than this is no answer of a sandbox (a thousand machines are half a megabyte). */
const ANSWER_CAP = 32 * 1024 * 1024;

/** HTTP over the sandbox's unix socket, on connections of its own. */
export async function socketTransport(
  socketPath: string,
): Promise<{ transport: SandboxTransport; close(): Promise<void> }> {
  const { Pool } = await import('undici');
  const pool: Pool = new Pool('http://sandbox', {
    socketPath,
    connections: 16,
    // No kept connections: one that the other side is just closing looks like a lost answer, and a new one costs nothing here.
    pipelining: 0,
    // The caller's signal is the only deadline; two would disagree.
    headersTimeout: 0,
    bodyTimeout: 0,
    maxResponseSize: ANSWER_CAP,
  });
  return {
    async transport({ method, path, body, signal }) {
      const response = await pool.request({
        method,
        path,
        signal,
        ...(body === undefined ? {} : { body, headers: { 'content-type': 'application/json' } }),
      });
      return { status: response.statusCode, headers: response.headers, body: await response.body.text() };
    },
    close: () => pool.destroy(),
  };
}
