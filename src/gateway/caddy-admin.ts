import { Client } from 'undici';
import { GatewayError } from './port.ts';

/** What the admin API answered; a body that is no JSON is kept as text. */
export interface CaddyAnswer {
  readonly status: number;
  readonly body: unknown;
  /** Names this state of what was read, for a change on condition that nobody was faster. */
  readonly etag?: string;
}

/** Caddy's admin API on a unix socket. Every change is one transaction: Caddy takes the new configuration whole, or keeps the old one. */
export interface CaddyAdmin {
  read(path: string, signal: AbortSignal): Promise<CaddyAnswer>;
  /** Throws GatewayError when Caddy refuses it. `ifMatch`: only where the state still is that one. */
  change(
    method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body: unknown,
    options: ChangeOptions,
  ): Promise<void>;
  close(): Promise<void>;
}

export interface ChangeOptions {
  readonly signal: AbortSignal;
  readonly ifMatch?: string;
}

/** A change waits until every listener of the new configuration is up. */
const TIMEOUT_MS = 30_000;
/** Two thousand machines make half a megabyte. */
const MAX_BYTES = 16 * 1024 * 1024;

export function caddyAdmin(socketPath: string): CaddyAdmin {
  const client = new Client('http://localhost', {
    socketPath,
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
    // A connection for each request: with every change Caddy begins a new admin server and ends the old one with all that it keeps open.
    pipelining: 0,
    maxResponseSize: MAX_BYTES,
  });

  async function call(
    method: string,
    path: string,
    body: string | undefined,
    options: ChangeOptions,
  ): Promise<CaddyAnswer> {
    try {
      const answer = await client.request({
        method: method as 'GET',
        path,
        signal: options.signal,
        headers: {
          // Caddy refuses every origin that its configuration does not list; `setup gateway` lists this one.
          origin: 'http://localhost',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(options.ifMatch === undefined ? {} : { 'if-match': options.ifMatch }),
        },
        ...(body === undefined ? {} : { body }),
      });
      const text = await answer.body.text();
      const { etag } = answer.headers;
      return { status: answer.statusCode, body: parsed(text), ...(typeof etag === 'string' ? { etag } : {}) };
    } catch (cause) {
      if (options.signal.aborted) throw cause;
      throw unreachable(socketPath, cause);
    }
  }

  return {
    async read(path, signal) {
      const answer = await again(() => call('GET', path, undefined, { signal }));
      // How Caddy says that there is nothing above it either.
      if (answer.status === 400 && /invalid traversal path/.test(messageOf(answer.body)))
        return { status: 200, body: null };
      return answer;
    },
    async change(method, path, body, options) {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const answer = await call(method, path, text, options);
      if (answer.status >= 200 && answer.status < 300) return;
      throw refusal(method, path, answer);
    },
    close: () => client.destroy(),
  };
}

/** Reading is asked for once more when the admin server was replaced just then: who reads changes nothing. */
async function again(read: () => Promise<CaddyAnswer>): Promise<CaddyAnswer> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof GatewayError) || !BROKEN_OFF.has(codeOf(error.cause))) throw error;
    return read();
  }
}

const BROKEN_OFF: ReadonlySet<string | undefined> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

function codeOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : undefined;
}

function parsed(text: string): unknown {
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    // Not every error of Caddy's is JSON; the caller shows it as it is.
    return text;
  }
}

function unreachable(socketPath: string, cause: unknown): GatewayError {
  const code = codeOf(cause) ?? 'no answer';
  if (code === 'EACCES')
    return new GatewayError('config', `Caddy's admin socket ${socketPath} may not be opened by this user`, { cause });
  const why = code === 'ENOENT' || code === 'ECONNREFUSED' ? 'is Caddy running?' : code;
  return new GatewayError('retry', `Caddy does not answer at ${socketPath}: ${why}`, { cause });
}

function refusal(method: string, path: string, { status, body }: CaddyAnswer): GatewayError {
  const said = messageOf(body);
  if (status === 403)
    return new GatewayError(
      'config',
      `Caddy refuses us at its admin socket: its "admin.origins" must list "localhost" (${said})`,
    );
  // Somebody else changed the configuration in between: what is there now is looked at again.
  if (status === 412) return new GatewayError('retry', 'Caddy’s configuration was changed meanwhile');
  return new GatewayError('config', `Caddy refuses ${method} ${path} (status ${status}): ${said}`);
}

/** Caddy's own words, short: they go to the log and to doctor. */
export function messageOf(body: unknown): string {
  const said: unknown = typeof body === 'object' && body !== null && 'error' in body ? body.error : body;
  return (typeof said === 'string' ? said : `${JSON.stringify(said)}`).slice(0, 500);
}
