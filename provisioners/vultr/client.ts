import { type CloudCall, type CloudClient, createCloudClient } from '../../src/provisioner/cloud/client.ts';
import type { Clock, Random, Secret } from '../../src/provisioner/index.ts';
import type { Budget } from './budget.ts';
import { clean, type Refusal, readRefusal, refused } from './errors.ts';
import type { VultrRequest, VultrTransport } from './transport.ts';

export type { Asking } from '../../src/provisioner/cloud/client.ts';

/** Whether the caller deals with a refusal: then it is returned instead of thrown. */
type Expected = (refusal: Refusal) => boolean;

export type Call<T> = CloudCall<T, Expected>;
/** Vultr's API: one exchange per call, repeated only where that cannot do harm. */
export type VultrClient = CloudClient<Refusal, Expected>;

export interface ClientInput {
  readonly transport: VultrTransport;
  readonly budget: Budget;
  readonly clock: Clock;
  readonly random: Random;
  readonly key: Secret;
  readonly timeoutMs: number;
}

export function createClient({ budget, key, ...given }: ClientInput): VultrClient {
  return createCloudClient<Refusal, Expected>({
    ...given,
    secret: key,
    dialect: {
      name: 'Vultr',
      clean,
      readRefusal,
      refused,
      mayRepeat,
      isExpected: (refusal, expects) => expects(refusal),
    },
    async takeTurn({ lane, signal }) {
      await budget.take(lane, signal);
      return (answered) => {
        if (answered?.status === 429) budget.refused();
      };
    },
  });
}

/** 429 was not processed, whatever it was. Trouble on the other side is repeated for what only reads. */
function mayRepeat(method: VultrRequest['method'], { status }: Refusal): boolean {
  return status === 429 || (method === 'GET' && status >= 500);
}
