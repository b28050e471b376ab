import type { Transport, WireRequest } from '../../src/platform/transport.ts';
import { type Clock, systemClock } from '../../src/ports/clock.ts';
import { type Random, systemRandom } from '../../src/ports/random.ts';
import { realSigning, type Signing, signRequest } from './sign.ts';

export interface ClientOptions {
  /** A base URL, or any transport. */
  readonly platform: string | Transport;
  /** 64 hex digits; made up unless given. */
  readonly seed?: string;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly signing?: Signing;
}

/** One key's signed calls. */
export interface SignedClient {
  readonly seed: string;
  readonly key: string;
  /** Returns the envelope's `data`; throws with the server's own words otherwise. `path` is below /api/v1. */
  readonly call: (method: WireRequest['method'], path: string, body?: object) => Promise<unknown>;
}

export function createSignedClient(
  options: ClientOptions,
  header: 'x-agent-pubkey' | 'x-public-key' = 'x-public-key',
): SignedClient {
  const { clock = systemClock, random = systemRandom, signing = realSigning } = options;
  const seed = options.seed ?? Buffer.from(random.bytes(32)).toString('hex');
  const transport = typeof options.platform === 'string' ? fetchTransport(options.platform) : options.platform;
  return {
    seed,
    key: signing.publicKeyOf(seed),
    async call(method, below, body) {
      const path = `/api/v1${below}`;
      const text = body === undefined ? undefined : JSON.stringify(body);
      const headers = signRequest({ seed, header, clock, random, signing }, method, path, text);
      const response = await transport({
        method,
        path,
        headers: text === undefined ? headers : { ...headers, 'content-type': 'application/json' },
        ...(text === undefined ? {} : { body: text }),
        timeoutMs: 30_000,
      });
      if (response.status !== 200) throw new Error(`${method} ${below}: HTTP ${response.status}: ${response.body}`);
      const { success, data, error } = JSON.parse(response.body);
      if (success !== true) throw new Error(`${method} ${below}: ${error}`);
      return data;
    },
  };
}

/** Sends over HTTP with what Node brings along. */
export function fetchTransport(baseUrl: string): Transport {
  return async ({ method, path, headers, body, timeoutMs, signal }) => {
    const limit = AbortSignal.timeout(timeoutMs);
    const response = await fetch(baseUrl + path, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
      redirect: 'manual',
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
  };
}
