import type { Clock } from '../../src/ports/clock.ts';
import type { PveAnswer } from './answers.ts';
import type { ProxmoxCore } from './core.ts';

export interface InProcessRequest {
  readonly method: string;
  /** With its prefix and query: `/api2/json/version`. */
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly signal: AbortSignal;
}

export interface InProcessResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Calls the core without sockets, under its own clock. As on a real wire, a request that was sent is processed even when its
 * caller has given up meanwhile; only one that is aborted before it is sent is not. `latencyMs` is spent each way.
 */
export function inProcessProxmox(
  core: ProxmoxCore,
  { clock, latencyMs = 0, node }: { readonly clock: Clock; readonly latencyMs?: number; readonly node?: string },
): (request: InProcessRequest) => Promise<InProcessResponse> {
  return ({ signal, method, path, headers, body }) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = (): void => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      const settle = (act: () => void): void => {
        signal.removeEventListener('abort', onAbort);
        act();
      };
      const deliver = (answer: PveAnswer): void => {
        const { status, statusText, headers: shown, body: text, delivery } = answer;
        if (delivery === 'hang') return;
        if (delivery === 'answer') return settle(() => resolve({ status, statusText, headers: shown, body: text }));
        settle(() => reject(broken(delivery === 'refuse' ? 'ECONNREFUSED' : 'ECONNRESET')));
      };
      const request = {
        method,
        path,
        headers,
        ...(body === undefined ? {} : { body }),
        ...(node === undefined ? {} : { node }),
      };
      later(clock, latencyMs, () => {
        core.handle(request).then(
          (answer) => later(clock, latencyMs, () => deliver(answer)),
          (error: unknown) => settle(() => reject(error)),
        );
      });
    });
}

function later(clock: Clock, ms: number, fn: () => void): void {
  if (ms > 0) clock.after(ms, fn);
  else fn();
}

function broken(code: 'ECONNREFUSED' | 'ECONNRESET'): Error {
  return Object.assign(new Error(code), { code });
}
