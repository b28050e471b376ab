import type { Transport, WireRequest, WireResponse } from '../../src/platform/transport.ts';
import type { Cancel, Clock } from '../../src/ports/clock.ts';
import type { Outcome, PlatformCore } from './core.ts';
import { firstHalf } from './faults.ts';

export interface InProcessOptions {
  /** The caller's clock: it times the latency, the faults' delays and the request's own limit. */
  readonly clock: Clock;
  /** Spent on the way there and again on the way back. */
  readonly latencyMs?: number | (() => number);
  readonly peer?: string;
}

/**
 * The platform without sockets: under a virtual clock a call takes exactly the time that latency and faults say, and with
 * none of them it is answered in a microtask. A request given up before it arrived does not take effect; later, it does.
 */
export function inProcessTransport(core: PlatformCore, options: InProcessOptions): Transport {
  const { clock, latencyMs = 0, peer = 'in-process' } = options;
  const latency = typeof latencyMs === 'function' ? latencyMs : () => latencyMs;

  return (request) =>
    new Promise((resolve, reject) => {
      if (request.signal?.aborted) return reject(request.signal.reason);
      let cancelStep: Cancel = () => {};
      const later = (ms: number, step: () => void): void => {
        const guarded = (): void => {
          try {
            step();
          } catch (error) {
            settle(() => reject(error));
          }
        };
        if (ms > 0) cancelStep = clock.after(ms, guarded);
        else void Promise.resolve().then(guarded);
      };
      let over = false;
      let arrived = false;
      const settle = (finish: () => void): void => {
        if (over) return;
        over = true;
        // What is already at the server goes on without its caller.
        if (!arrived) cancelStep();
        cancelLimit();
        request.signal?.removeEventListener('abort', onAbort);
        finish();
      };
      const onAbort = (): void => settle(() => reject(request.signal?.reason));
      const cancelLimit = clock.after(request.timeoutMs, () =>
        settle(() => reject(new Error(`No answer within ${request.timeoutMs} ms`))),
      );
      request.signal?.addEventListener('abort', onAbort, { once: true });

      later(latency(), () => {
        if (over) return;
        arrived = true;
        const admission = core.admit(toPlatform(request, peer));
        later(admission.holdMs, () => {
          const outcome = admission.process();
          if (over || outcome.transport === 'hang') return;
          later(outcome.delayMs + latency(), () => settle(() => finish(outcome, resolve, reject)));
        });
      });
    });
}

function toPlatform(request: WireRequest, peer: string) {
  const headers: Record<string, string> = {};
  for (const name in request.headers) headers[name.toLowerCase()] = request.headers[name] ?? '';
  return { method: request.method, path: request.path, headers, body: request.body ?? '', peer };
}

function finish(outcome: Outcome, resolve: (response: WireResponse) => void, reject: (error: Error) => void): void {
  const { transport, response } = outcome;
  if (transport === 'deliver') return resolve(response);
  if (transport === 'truncate') {
    return reject(new Error(`The connection ended after ${firstHalf(response.body).length} characters of the body`));
  }
  reject(Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }));
}
