import { z } from 'zod';
import { type CallContext, type Finding, isProvisionerError } from '../../src/provisioner/index.ts';
import type { Budget } from './budget.ts';
import { checkCatalogue } from './check-catalogue.ts';
import { checkFleet } from './check-fleet.ts';
import type { Asking } from './client.ts';
import { listAll } from './pages.ts';
import type { Target } from './target.ts';
import { location, sshKeyAnswer } from './wire.ts';

/** Everything that can be known without changing anything. A target whose API does not answer has one finding only. */
export async function checkTarget(target: Target, budget: Budget, { signal }: CallContext): Promise<Finding[]> {
  const asking = { lane: 'look', signal } as const;
  try {
    return [
      await reached(target, asking),
      await rights(target, asking),
      ...(await checkCatalogue(target, asking)),
      ...(await checkFleet(target, asking)),
      requests(budget),
    ].filter((finding) => finding !== undefined);
  } catch (error) {
    if (!isProvisionerError(error)) throw error;
    const code = error.kind === 'config' ? 'hetzner.api.refuses' : 'hetzner.api.unreachable';
    return [{ level: 'fail', code, title: error.message, remedy: REACH[code] }];
  }
}

const REACH = {
  'hetzner.api.refuses':
    'Put a token of the right project, with read and write permission, into `token`; look at `endpoint`.',
  'hetzner.api.unreachable': 'See whether this host reaches the endpoint, and what https://status.hetzner.com says.',
};

/** Asked first, because a wrong endpoint answers 404 to everything, as if nothing existed. */
async function reached({ client, settings }: Target, asking: Asking): Promise<Finding> {
  const { entries } = await listAll(client, { path: '/locations', key: 'locations', entry: location }, asking);
  const names = entries.map(({ name }) => name);
  const missing = settings.locations.filter((name) => !names.includes(name));
  if (missing.length === 0) {
    return { level: 'pass', code: 'hetzner.api.reachable', title: 'The API answers, and knows all locations' };
  }
  return {
    level: missing.length === settings.locations.length ? 'fail' : 'warn',
    code: 'hetzner.location.unknown',
    title: `Hetzner has no location ${missing.join(', ')}`,
    remedy: `Choose from ${names.join(', ')}.`,
  };
}

/** A key without a name and a text cannot be added: a token that may write is told that, one that may not is told so. */
async function rights({ client }: Target, { lane, signal }: Asking): Promise<Finding> {
  const answer = await client.call({
    doing: 'check the token',
    method: 'POST',
    path: '/ssh_keys',
    body: {},
    lane,
    signal,
    answer: z.union([sshKeyAnswer, z.unknown()]),
    expects: ['invalid_input', 'json_error', 'token_readonly'],
  });
  if (!answer.ok && answer.refusal.code === 'token_readonly') {
    return {
      level: 'fail',
      code: 'hetzner.token.read-only',
      title: 'The API token may only read',
      remedy: 'Make one with read and write permission.',
    };
  }
  return { level: 'pass', code: 'hetzner.token.ok', title: 'The API token may read and write' };
}

function requests({ left }: Budget): Finding | undefined {
  if (left === undefined) return undefined;
  const { remaining, limit } = left;
  const title = `${remaining} of ${limit} API requests of this hour are left`;
  if (remaining > limit / 4) return { level: 'pass', code: 'hetzner.requests.ok', title };
  return {
    level: 'warn',
    code: 'hetzner.requests.low',
    title,
    remedy: 'See which other tools use the project, and give the agent a project of its own.',
  };
}
