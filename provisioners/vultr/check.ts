import { type CallContext, type Finding, isProvisionerError } from '../../src/provisioner/index.ts';
import { checkCatalogue } from './check-catalogue.ts';
import { checkFleet } from './check-fleet.ts';
import type { Asking } from './client.ts';
import { isAddressRefused } from './errors.ts';
import { listAll } from './pages.ts';
import type { Target } from './target.ts';
import { accountAnswer, region } from './wire.ts';

/** Everything that can be known without changing anything. A target whose API does not answer has one finding only. */
export async function checkTarget(target: Target, { signal }: CallContext): Promise<Finding[]> {
  const asking = { lane: 'look', signal } as const;
  try {
    return [
      await reached(target, asking),
      // What the account holds can be read only with a key that is good, from an address that is allowed.
      ...(await checkFleet(target, asking)),
      await rights(target, asking),
      ...(await checkCatalogue(target, asking)),
    ];
  } catch (error) {
    if (!isProvisionerError(error)) throw error;
    const code = error.kind === 'config' ? refusedCode(error.message) : 'vultr.api.unreachable';
    return [{ level: 'fail', code, title: error.message, remedy: REMEDY[code] }];
  }
}

const REMEDY = {
  'vultr.api.refuses': 'Put a good key into `api_key`; look at `endpoint`.',
  'vultr.api.address-refused':
    'Allow this host’s IPv4 and IPv6 addresses in the Vultr console: Account, API, Access Control.',
  'vultr.api.unreachable': 'See whether this host reaches the endpoint, and what https://status.vultr.com says.',
} as const;

function refusedCode(text: string): keyof typeof REMEDY {
  const [said = ''] = text.split('; ');
  return isAddressRefused(said) ? 'vultr.api.address-refused' : 'vultr.api.refuses';
}

async function reached({ client, settings }: Target, asking: Asking): Promise<Finding> {
  const { entries } = await listAll(client, { path: '/regions', key: 'regions', entry: region }, asking);
  const ids = entries.map(({ id }) => id);
  const missing = settings.regions.filter((id) => !ids.includes(id));
  if (missing.length === 0) {
    return { level: 'pass', code: 'vultr.api.reachable', title: 'The API answers, and knows all regions' };
  }
  return {
    level: missing.length === settings.regions.length ? 'fail' : 'warn',
    code: 'vultr.region.unknown',
    title: `Vultr has no region ${missing.join(', ')}`,
    remedy: `Choose from ${ids.join(', ')}.`,
  };
}

/** What a key needs: to see and to change instances, and to make them. */
const NEEDED = ['subscriptions', 'provisioning'];

/** Sub-users have keys with fewer rights; the main account's key has all of them. */
async function rights({ client }: Target, { lane, signal }: Asking): Promise<Finding> {
  const answer = await client.call({
    doing: 'tell what the API key may do',
    method: 'GET',
    path: '/account',
    lane,
    signal,
    answer: accountAnswer,
    expects: ({ status }) => status === 403,
  });
  const acls = answer.ok ? answer.value.account.acls : undefined;
  if (acls === undefined || acls === null) {
    return { level: 'skip', code: 'vultr.key.rights', title: 'Vultr does not tell what the API key may do' };
  }
  const missing = NEEDED.filter((right) => !acls.includes(right));
  if (missing.length === 0) {
    return { level: 'pass', code: 'vultr.key.ok', title: 'The API key may make and manage instances' };
  }
  return {
    level: 'fail',
    code: 'vultr.key.rights',
    title: `The API key lacks the rights ${missing.join(', ')}`,
    remedy: 'Give its user the rights to manage and to deploy instances.',
  };
}
