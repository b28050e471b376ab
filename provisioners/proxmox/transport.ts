import { Pool } from 'undici';
import type { Clock } from '../../src/provisioner/index.ts';
import { type Connector, connector, type Trust } from './tls.ts';

/** One exchange. The signal carries the caller's cancellation and the deadline of the whole answer. */
export interface PveRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** From `/api2/json` on, with the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
}

export interface PveResponse {
  readonly status: number;
  /** The reason phrase: on hosts before 8.4 the only place that says what was wrong. */
  readonly statusText: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** How requests reach a host. Injectable: a simulator in the same process is one. */
export interface PveTransport {
  /** Sends once, never again by itself; rejects when no whole answer came. `neverSent` tells which rejections are harmless. */
  send(request: PveRequest): Promise<PveResponse>;
  /** Ends every connection, also those in use. */
  close(): Promise<void>;
}

/** A cluster of a thousand guests lists in half a megabyte; more than this is no answer of Proxmox. */
const ANSWER_CAP = 32 * 1024 * 1024;

/**
 * HTTP/1.1 to one host, on connections of its own. `url` is the host's address without `/api2/json`; a path in it (a front proxy's)
 * is kept. Trust is settled before the first byte of a request is written.
 */
export function httpTransport(url: string, trust: Trust, clock: Clock): PveTransport {
  const { origin, pathname } = new URL(url);
  const prefix = pathname.replace(/\/+$/, '');
  const connect: Connector = connector(trust, clock);
  const pool = new Pool(origin, {
    connect,
    // pvedaemon has three workers, each busy with one request at a time; reads that pveproxy answers itself come on top.
    connections: 8,
    pipelining: 1,
    allowH2: false,
    // pveproxy drops an idle connection after 5 s, and undici's coarse timers may be a second late: 4 s would sometimes write into
    // a closing connection, which looks like a lost answer.
    keepAliveTimeout: 3_000,
    keepAliveMaxTimeout: 3_000,
    // The caller's signal is the only deadline; two would disagree.
    headersTimeout: 0,
    bodyTimeout: 0,
    maxResponseSize: ANSWER_CAP,
  });
  return {
    async send({ method, path, headers, body, signal }) {
      const response = await pool.request({ method, path: `${prefix}${path}`, headers, body: body ?? null, signal });
      return {
        status: response.statusCode,
        statusText: response.statusText,
        headers: response.headers,
        body: await response.body.text(),
      };
    },
    close: () => pool.destroy(),
  };
}
