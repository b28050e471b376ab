import { z } from 'zod';
import { type CallContext, type Finding, isProvisionerError } from '../../src/provisioner/index.ts';
import type { Budget } from './budget.ts';
import { checkCatalogue } from './check-catalogue.ts';
import { checkFleet } from './check-fleet.ts';
import type { Asking } from './client.ts';
import type { Target } from './target.ts';

/** Everything that can be known without changing anything. A target whose API does not answer has one finding only. */
export async function checkTarget(target: Target, budget: Budget, { signal }: CallContext): Promise<Finding[]> {
  const asking = { lane: 'look', signal } as const;
  try {
    return [
      ...(await account(target, asking)),
      await rights(target, asking),
      ...(await checkCatalogue(target, asking)),
      ...(await checkFleet(target, asking)),
      PAUSING,
      requests(budget),
    ].filter((finding) => finding !== undefined);
  } catch (error) {
    if (!isProvisionerError(error)) throw error;
    const code = error.kind === 'config' ? 'digitalocean.api.refuses' : 'digitalocean.api.unreachable';
    return [{ level: 'fail', code, title: error.message, remedy: REACH[code] }];
  }
}

const REACH = {
  'digitalocean.api.refuses': 'Put a token with the scopes of the operator guide into `api_token`; look at `endpoint`.',
  'digitalocean.api.unreachable':
    'See whether this host reaches the endpoint, and what https://status.digitalocean.com says.',
};

/** What a paused contract costs is nobody's guess. */
const PAUSING: Finding = {
  level: 'pass',
  code: 'digitalocean.pause.costs',
  title: 'A paused machine is switched off and still costs its full price, until its contract ends',
};

async function account({ catalogue }: Target, asking: Asking): Promise<Finding[]> {
  const found = await catalogue.account(asking);
  if (found === undefined) {
    const title = 'The token may not read the account, so its droplet limit is not known';
    const remedy = 'Give it the scope account:read.';
    return [{ level: 'warn', code: 'digitalocean.account.unknown', title, remedy }];
  }
  if (found.status !== undefined && found.status !== null && found.status !== 'active') {
    const title = `DigitalOcean says of the account: ${found.status}`;
    const remedy = 'Look into the control panel: it says what is to be done.';
    const level = found.status === 'locked' ? 'fail' : 'warn';
    return [{ level, code: 'digitalocean.account.status', title, remedy }];
  }
  const title = `The API answers; the account may have ${found.droplet_limit} droplets`;
  return [{ level: 'pass', code: 'digitalocean.api.reachable', title }];
}

/** An order without a name, a size and an image makes nothing: a token that may order is told that, one that may not is told so. */
async function rights({ client }: Target, { lane, signal }: Asking): Promise<Finding> {
  const answer = await client.call({
    doing: 'check the token',
    method: 'POST',
    path: '/droplets',
    body: {},
    lane,
    signal,
    answer: z.unknown(),
    expects: ['rights', 'other', 'choice', 'stock'],
  });
  if (!answer.ok && answer.refusal.topic === 'rights') {
    return {
      level: 'fail',
      code: 'digitalocean.token.read-only',
      title: 'The API token may not make droplets',
      remedy: 'Make one with the scopes of the operator guide.',
    };
  }
  return { level: 'pass', code: 'digitalocean.token.ok', title: 'The API token may make droplets' };
}

function requests({ left }: Budget): Finding | undefined {
  if (left === undefined) return undefined;
  const { remaining, limit } = left;
  const title = `${remaining} of ${limit} API requests of this hour are left`;
  if (remaining > limit / 4) return { level: 'pass', code: 'digitalocean.requests.ok', title };
  const remedy = 'See which other tools use the same token, and give the agent one of its own.';
  return { level: 'warn', code: 'digitalocean.requests.low', title, remedy };
}
