import { type CloudCall, type CloudClient, createCloudClient } from '../../src/provisioner/cloud/client.ts';
import { refuseLongQueue } from '../../src/provisioner/cloud/lanes.ts';
import type { Clock, Random, Secret } from '../../src/provisioner/index.ts';
import type { Budget } from './budget.ts';
import { clean, type Refusal, readRefusal, refused } from './errors.ts';
import type { HetznerRequest, HetznerTransport } from './transport.ts';

export type { Asking } from '../../src/provisioner/cloud/client.ts';

/** Codes that the caller deals with, returned instead of thrown. */
type Expected = readonly string[];

export type Call<T> = CloudCall<T, Expected>;
/** Hetzner's API: one exchange per call, repeated only where that cannot do harm. */
export type HetznerClient = CloudClient<Refusal, Expected>;

export interface ClientInput {
  readonly transport: HetznerTransport;
  readonly budget: Budget;
  readonly clock: Clock;
  readonly random: Random;
  readonly token: Secret;
  readonly timeoutMs: number;
}

export function createClient({ budget, token, ...given }: ClientInput): HetznerClient {
  return createCloudClient<Refusal, Expected>({
    ...given,
    secret: token,
    dialect: {
      name: 'Hetzner',
      clean,
      readRefusal,
      refused,
      mayRepeat,
      isExpected: ({ code }, expected) => code !== undefined && expected.includes(code),
    },
    async takeTurn({ doing, lane, signal }) {
      refuseLongQueue(budget.waitFor(lane), lane, doing, "the project's");
      const done = await budget.take(lane, signal);
      return (answered) => {
        if (answered?.status === 429) budget.refused(answered.headers);
        done(answered?.headers);
      };
    },
  });
}

/** 429 and `conflict` were not processed, whatever they were. A gateway's error is repeated for what only reads. */
function mayRepeat(method: HetznerRequest['method'], { status, code }: Refusal): boolean {
  if (status === 429 || code === 'conflict') return true;
  return method === 'GET' && (status === 502 || status === 504 || code === 'timeout');
}
