import { type CloudClient, createCloudClient } from '../../src/provisioner/cloud/client.ts';
import { refuseLongQueue } from '../../src/provisioner/cloud/lanes.ts';
import type { ApiRequest, ApiTransport } from '../../src/provisioner/cloud/transport.ts';
import type { Clock, Random, Secret } from '../../src/provisioner/index.ts';
import type { Budget } from './budget.ts';
import { clean, type Refusal, readRefusal, refused, type Topic } from './errors.ts';

export type { Asking } from '../../src/provisioner/cloud/client.ts';

/** What refusals are about that the caller deals with, returned instead of thrown. */
type Expected = readonly Topic[];

/** DigitalOcean's API: one exchange per call, repeated only where that cannot do harm. */
export type DoClient = CloudClient<Refusal, Expected>;

export interface ClientInput {
  readonly transport: ApiTransport;
  readonly budget: Budget;
  readonly clock: Clock;
  readonly random: Random;
  readonly token: Secret;
  readonly timeoutMs: number;
}

export function createClient({ budget, token, ...given }: ClientInput): DoClient {
  return createCloudClient<Refusal, Expected>({
    ...given,
    secret: token,
    dialect: {
      name: 'DigitalOcean',
      clean,
      readRefusal,
      refused,
      mayRepeat,
      isExpected: ({ topic }, expected) => expected.includes(topic),
    },
    async takeTurn({ doing, lane, signal }) {
      refuseLongQueue(budget.waitFor(lane), lane, doing, "the token's");
      const done = await budget.take(lane, signal);
      return (answered) => {
        if (answered?.status === 429) {
          budget.refused(answered.headers, readRefusal(doing, answered, token.reveal()).retryAfterMs);
        }
        done(answered?.headers);
      };
    },
  });
}

/** 429 was not processed, whatever it was; the budget holds the next try back. A gateway's error is repeated for what only reads. */
function mayRepeat(method: ApiRequest['method'], { status }: Refusal): boolean {
  return status === 429 || (method === 'GET' && (status === 502 || status === 504));
}
