import { ProvisionerError } from '../../../src/provisioner/index.ts';
import { listAll } from '../pages.ts';
import { firewall, firewallAnswer } from '../wire.ts';
import type { SetupProject } from './open.ts';

/**
 * | policy | what gets in |
 * |---|---|
 * | open | everything: a firewall to tighten later for all machines at once |
 * | web | SSH, HTTP, HTTPS and ping |
 * | ssh | SSH and ping |
 *
 * Everything gets out: one outgoing rule would forbid all that it does not name.
 */
type FirewallPolicy = 'open' | 'web' | 'ssh';

const EVERYWHERE = ['0.0.0.0/0', '::/0'];
const rule = (protocol: 'tcp' | 'udp' | 'icmp', port?: string) => ({
  direction: 'in',
  protocol,
  source_ips: EVERYWHERE,
  ...(port === undefined ? {} : { port }),
});

const POLICIES: Readonly<Record<FirewallPolicy, readonly object[]>> = {
  open: [rule('tcp', '1-65535'), rule('udp', '1-65535'), rule('icmp')],
  web: [rule('tcp', '22'), rule('tcp', '80'), rule('tcp', '443'), rule('udp', '443'), rule('icmp')],
  ssh: [rule('tcp', '22'), rule('icmp')],
};

/**
 * One firewall for all machines of a policy: an account may have fifty. One that exists under this name is left as it is. May be
 * repeated.
 */
export async function ensureFirewall(
  { client, asking }: SetupProject,
  name: string,
  policy: FirewallPolicy,
): Promise<'made' | 'found'> {
  if (await exists({ client, asking }, name)) return 'found';
  const answer = await client.call({
    doing: `make the firewall ${name}`,
    method: 'POST',
    path: '/firewalls',
    body: { name, rules: POLICIES[policy], labels: { 'dc-agent/policy': policy } },
    answer: firewallAnswer,
    expects: ['uniqueness_error'],
    ...asking,
  });
  if (answer.ok) return 'made';
  if (await exists({ client, asking }, name)) return 'found';
  throw new ProvisionerError('config', `Hetzner refused to make the firewall ${name}: ${answer.refusal.text}`);
}

async function exists({ client, asking }: Pick<SetupProject, 'client' | 'asking'>, name: string): Promise<boolean> {
  const query = [['name', name]] as const;
  const { entries } = await listAll(client, { path: '/firewalls', key: 'firewalls', entry: firewall, query }, asking);
  return entries.some((entry) => entry.name === name);
}
