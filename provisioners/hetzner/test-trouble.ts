import type { BenchFaults } from '../../src/provisioner/conformance.ts';
import type { HetznerResponse, HetznerTransport } from './transport.ts';

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
  const body = { error: { code: 'rate_limit_exceeded', message: 'too many requests' } };
  return { status: 429, headers, body: JSON.stringify(body) };
}
