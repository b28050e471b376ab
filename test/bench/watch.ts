import type { PlatformCore } from '../../simulators/platform/core.ts';

/** Real times, in ms, at which the platform had processed what matters about the contracts. */
export interface Watch {
  /** Each look at the work list. */
  readonly polls: readonly number[];
  /** By contract: when a list first held it. */
  readonly seen: ReadonlyMap<string, number>;
  /** By contract: when it was reported as provisioned. */
  readonly provisioned: ReadonlyMap<string, number>;
  /** Resolves once so many contracts are provisioned. */
  reached(count: number): Promise<void>;
}

/** Watches the platform, by whatever clock `now` is. */
export function watch(platform: PlatformCore, now: () => number = () => performance.now()): Watch {
  const polls: number[] = [];
  const seen = new Map<string, number>();
  const provisioned = new Map<string, number>();
  let waiting: { readonly count: number; readonly resolve: () => void } | undefined;
  platform.onExchange(({ request, outcome }) => {
    if (outcome.route === 'pending-provision') {
      const at = now();
      polls.push(at);
      for (const [, contract = ''] of outcome.response.body.matchAll(/"contract_id":"([0-9a-f]{64})"/g)) {
        if (!seen.has(contract)) seen.set(contract, at);
      }
    }
    if (!request.path.endsWith('/provisioning')) return;
    const contract = request.path.split('/').at(-2) ?? '';
    if (platform.contracts.get(contract)?.details === undefined || provisioned.has(contract)) return;
    provisioned.set(contract, now());
    if (waiting !== undefined && provisioned.size >= waiting.count) waiting.resolve();
  });
  return {
    polls,
    seen,
    provisioned,
    reached: (count) =>
      new Promise((resolve) => {
        waiting = { count, resolve };
        if (provisioned.size >= count) resolve();
      }),
  };
}
