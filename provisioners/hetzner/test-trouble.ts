import type { BenchFaults } from '../../src/provisioner/conformance.ts';
import type { HetznerRequest, HetznerResponse, HetznerTransport } from './transport.ts';

/** What a test does to an answer on its way; undefined leaves it alone. `before` is asked without sending the request. */
export interface Tamper {
  before?(request: HetznerRequest): HetznerResponse | undefined;
  after?(request: HetznerRequest, response: HetznerResponse): HetznerResponse | undefined;
}

/** Each tamper strikes once: the first that has something to say about a request. */
export function tampered(transport: HetznerTransport, tampers: Tamper[]): HetznerTransport {
  const used = (tamper: Tamper): void => void tampers.splice(tampers.indexOf(tamper), 1);
  return async (request) => {
    for (const tamper of tampers) {
      const instead = tamper.before?.(request);
      if (instead === undefined) continue;
      used(tamper);
      return instead;
    }
    const response = await transport(request);
    for (const tamper of tampers) {
      const changed = tamper.after?.(request, response);
      if (changed === undefined) continue;
      used(tamper);
      return changed;
    }
    return response;
  };
}

/** An answer of the API's with nothing special about it. */
export function answer(status: number, body: object): HetznerResponse {
  return { status, headers: {}, body: JSON.stringify(body) };
}

type Interruption = (call: number, send: () => Promise<HetznerResponse>) => Promise<HetznerResponse> | undefined;

/** Trouble that begins with the nth request, of whatever kind it is. */
export function interruptible(transport: HetznerTransport): {
  readonly transport: HetznerTransport;
  readonly faults: Required<Pick<BenchFaults, 'loseAnswer' | 'cutAfter' | 'throttleAfter'>>;
} {
  let present: { readonly how: Interruption; calls: number; met: boolean } | undefined;
  const interrupt = async (how: Interruption): Promise<() => Promise<'struck' | 'spared'>> => {
    const mine = { how, calls: 0, met: false };
    present = mine;
    return async () => {
      present = undefined;
      return mine.met ? 'struck' : 'spared';
    };
  };
  return {
    async transport(request) {
      const now = present;
      if (now === undefined) return transport(request);
      now.calls += 1;
      const changed = now.how(now.calls, () => transport(request));
      if (changed === undefined) return transport(request);
      now.met = true;
      return changed;
    },
    faults: {
      loseAnswer: (nth) =>
        interrupt((call, send) => (call === nth ? send().then(() => Promise.reject(reset())) : undefined)),
      cutAfter: (calls) => interrupt((call) => (call > calls ? Promise.reject(reset()) : undefined)),
      throttleAfter: (calls) => interrupt((call) => (call > calls ? Promise.resolve(throttled()) : undefined)),
    },
  };
}

function reset(): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
}

function throttled(): HetznerResponse {
  const headers = { 'ratelimit-limit': '3600', 'ratelimit-remaining': '0' };
  return { ...answer(429, { error: { code: 'rate_limit_exceeded', message: 'too many requests' } }), headers };
}
