import { z } from 'zod';
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
export const FIREWALL_POLICIES = ['open', 'web', 'ssh'] as const;
export type FirewallPolicy = (typeof FIREWALL_POLICIES)[number];

const EVERYWHERE = ['0.0.0.0/0', '::/0'];
const rule = (protocol: 'tcp' | 'udp' | 'icmp', port?: string) => ({
  direction: 'in',
  protocol,
  source_ips: EVERYWHERE,
  ...(port === undefined ? {} : { port }),
});

const RULES: Readonly<Record<FirewallPolicy, readonly object[]>> = {
  open: [rule('tcp', '1-65535'), rule('udp', '1-65535'), rule('icmp')],
  web: [rule('tcp', '22'), rule('tcp', '80'), rule('tcp', '443'), rule('udp', '443'), rule('icmp')],
  ssh: [rule('tcp', '22'), rule('icmp')],
};

/** By this label a set-up knows what it made itself. */
const SETUP = 'dc-agent/setup';

/**
 * One firewall for all machines of a policy: an account may have fifty. One that exists under this name is left as it is. May be
 * repeated; `setup` names who made it.
 */
export async function ensureFirewall(
  { client, asking }: SetupProject,
  { name, policy, setup }: { readonly name: string; readonly policy: FirewallPolicy; readonly setup: string },
): Promise<'made' | 'found'> {
  if (await find({ client, asking }, name)) return 'found';
  const answer = await client.call({
    doing: `make the firewall ${name}`,
    method: 'POST',
    path: '/firewalls',
    body: { name, rules: RULES[policy], labels: { 'dc-agent/policy': policy, [SETUP]: setup } },
    answer: firewallAnswer,
    expects: ['uniqueness_error'],
    ...asking,
  });
  if (answer.ok) return 'made';
  if (await find({ client, asking }, name)) return 'found';
  throw new ProvisionerError('config', `Hetzner refused to make the firewall ${name}: ${answer.refusal.text}`);
}

/** Removes the firewall of this name if that set-up made it and no server has it. May be repeated. */
export async function removeFirewall(
  { client, asking }: SetupProject,
  { name, setup }: { readonly name: string; readonly setup: string },
): Promise<'removed' | 'absent' | 'not-ours' | 'in-use'> {
  const found = await find({ client, asking }, name);
  if (found === undefined) return 'absent';
  if (found.labels?.[SETUP] !== setup) return 'not-ours';
  const answer = await client.call({
    doing: `remove the firewall ${name}`,
    method: 'DELETE',
    path: `/firewalls/${found.id}`,
    answer: z.unknown(),
    expects: ['not_found', 'resource_in_use'],
    ...asking,
  });
  return answer.ok || answer.refusal.code === 'not_found' ? 'removed' : 'in-use';
}

async function find({ client, asking }: Pick<SetupProject, 'client' | 'asking'>, name: string) {
  const query = [['name', name]] as const;
  const { entries } = await listAll(client, { path: '/firewalls', key: 'firewalls', entry: firewall, query }, asking);
  return entries.find((entry) => entry.name === name);
}
