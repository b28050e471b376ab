import type { Cancel, Clock } from '../../src/ports/clock.ts';
import type { ApiAnswer, ApiCall } from './exchange.ts';

export interface InProcessRequest {
  readonly method: string;
  /** Below the endpoint, as clients write it: `/droplets?name=one`. */
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body?: string;
  readonly signal: AbortSignal;
}

export interface InProcessResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Calls an API's core without sockets, under its own clock. As on a real wire, a request that was sent is processed even when its
 * caller has given up meanwhile; only one that is aborted before it is sent is not. `latencyMs` is spent each way.
 */
export function inProcess(
  { handle }: { handle(call: ApiCall): ApiAnswer },
  { clock, prefix, latencyMs = 0 }: { clock: Clock; prefix: string; latencyMs?: number },
): (request: InProcessRequest) => Promise<InProcessResponse> {
  return ({ signal, path, ...request }) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = (): void => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      const settle = (act: () => void): void => {
        signal.removeEventListener('abort', onAbort);
        act();
      };
      const deliver = (answer: ApiAnswer): void => {
        later(clock, answer.delayMs, () => {
          if (answer.resume) return deliver(answer.resume());
          later(clock, latencyMs, () => {
            const { status, headers, body, delivery } = answer;
            if (delivery === 'hang') return;
            if (delivery === 'answer') settle(() => resolve({ status, headers, body }));
            else settle(() => reject(broken(delivery === 'refuse' ? 'ECONNREFUSED' : 'ECONNRESET')));
          });
        });
      };
      later(clock, latencyMs, () => {
        try {
          deliver(handle({ ...request, path: `${prefix}${path}` }));
        } catch (error) {
          settle(() => reject(error));
        }
      });
    });
}

function later(clock: Clock, ms: number, fn: () => void): Cancel {
  if (ms > 0) return clock.after(ms, fn);
  fn();
  return () => {};
}

function broken(code: 'ECONNREFUSED' | 'ECONNRESET'): Error {
  return Object.assign(new Error(code), { code });
}
