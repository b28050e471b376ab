import { isIPv4, isIPv6 } from 'node:net';
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { Secret } from '../ports/secret.ts';
import { absolutePath, httpUrl, secretSource } from '../provisioner/settings.ts';
import type { KeySource } from './types.ts';

/**
 * The agent's own tables as they are written in the file. Strict; every key has a description, and what the reference and
 * the example file cannot guess has an example.
 */
export const apiTable = z
  .strictObject({
    endpoint: httpUrl('Where the platform answers.')
      .refine((url) => !/\/api\/v\d+$/i.test(url), {
        error: 'ends in /api/v1, which the agent adds itself; leave it out',
      })
      .meta({ examples: ['https://api.decent-cloud.org'], format: 'uri' }),
    provider_pubkey: z
      .string()
      .regex(/^[0-9a-fA-F]{64}$/, { error: 'expected 64 hex digits: the public key of the provider' })
      .overwrite((text) => text.toLowerCase())
      .meta({
        description: 'The public key of the provider whom this agent serves, 64 hex digits.',
        examples: ['REPLACE-WITH-YOUR-PROVIDER-PUBKEY'],
      }),
    agent_secret_key: secretSource('/root/.dc-agent/agent.key')
      .transform(({ secret, from }, ctx): KeySource => {
        const source = readKeySource(secret, from);
        if (typeof source !== 'string') return source;
        ctx.addIssue({ code: 'custom', message: source });
        return z.NEVER;
      })
      .meta({
        description:
          'The agent key: path of its file, or its 64 hex digits; or, as for every secret, { file = "/path" } or { credential = "name" }.',
        writeOnly: true,
      }),
    pool_id: z
      .string()
      .min(1)
      .optional()
      .meta({
        description: 'The pool that the agent was registered for. Informational.',
        examples: ['sl-8ebaa1c0'],
      }),
    reads_per_minute: perMinute(120, 'How many reading requests (GET) the agent may send in a minute.'),
    writes_per_minute: perMinute(60, 'How many other requests the agent may send in a minute.'),
  })
  .describe('The platform, and who the agent is there.');

const DAY = 86_400;

export const pollingTable = z
  .strictObject({
    interval_seconds: seconds(
      30,
      'Length of the reconcile cycle, in which machines are compared with what the platform says.',
    ),
    work_interval_seconds: seconds(
      3,
      'How often the platform is asked for new contracts: a little quicker while there is work, a little slower while there is none.',
    ),
    health_check_interval_seconds: seconds(300, 'How often every machine’s health is reported.'),
    orphan_grace_period_seconds: seconds(
      3600,
      'How long the platform must have called a machine of ours unknown before anything may happen to it.',
      30 * DAY,
    ),
  })
  .describe('How often the agent looks.');

export const agentTable = z
  .strictObject({
    state_dir: absolutePath(
      'Where the ledger and the status socket live. Default: the service’s $STATE_DIRECTORY, else /var/lib/dc-agent.',
    )
      .optional()
      .meta({ examples: ['/var/lib/dc-agent'] }),
    max_concurrent_provisioning: z
      .int()
      .min(1)
      .max(256)
      .default(4)
      .describe('How many machines are made at the same time.'),
    breaker_max_count: z
      .int()
      .min(1)
      .max(100_000)
      .default(5)
      .describe('So many machines may be stopped or removed within ten minutes without a second look.'),
    breaker_max_share: z
      .number()
      .gt(0)
      .max(1)
      .default(0.2)
      .describe('Or this share of all machines of the agent, whichever is more. 1 switches the breaker off.'),
    breaker_hold_seconds: seconds(
      600,
      'Beyond that, the platform must still want it after this time, or an operator approves.',
    ),
    memory_headroom_mb: z
      .int()
      .min(0)
      .max(1 << 30)
      .default(0)
      .describe('Memory in MiB that is never sold.'),
  })
  .describe('The agent itself.');

export const recipesTable = z
  .strictObject({
    on_failure: z
      .enum(['fail', 'deliver'])
      .default('fail')
      .describe('What a deployment that did not end well does: the contract is failed, or handed over all the same.'),
    timeout_seconds: seconds(300, 'How long a script, or cloud-init’s work, may take.', 2400),
    post_provision_script: z
      .string()
      .max(65_536)
      .optional()
      .meta({
        description: 'A script for machines whose offering has no recipe, on targets that can run one.',
        examples: ['#!/bin/sh\napt-get -y update\n'],
      }),
    cloud_init_config: z
      .string()
      .max(65_536)
      .optional()
      .meta({
        description:
          'A cloud-init document for machines whose offering has no recipe, on targets that take one and run no script of this table.',
        examples: ['#cloud-config\npackage_update: true\n'],
      }),
  })
  .describe('What is deployed on machines, where neither contract nor offering says; see docs/guests.md.');

export const gatewayTable = z
  .strictObject({
    dc_id: z
      .string()
      .regex(/^[a-z0-9](?:[a-z0-9-]{0,18}[a-z0-9])$/, {
        error: 'expected 2 to 20 lower-case letters, digits and hyphens, without a hyphen at either end',
      })
      .meta({ description: 'Names this site in every machine’s DNS name.', examples: ['dc-sl'] }),
    public_ip: z
      .string()
      .refine((text) => isIPv4(text) && !/^(0|127|22[4-9]|23\d|2[45]\d)\./.test(text), {
        error: 'expected the IPv4 address under which this host is reached from outside',
      })
      .meta({ description: 'The IPv4 address that tenants reach this host under.', examples: ['203.0.113.10'] }),
    domain: z
      .string()
      .regex(/^(?=.{1,200}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/i, { error: 'expected a domain name' })
      .default('decent-cloud.org')
      .describe('For display: the platform builds the real name.'),
    gw_prefix: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i, { error: 'expected one label of a domain name' })
      .default('gw')
      .describe('For display: the label between dc_id and domain.'),
    port_range_start: port(20_000, 'First port that is handed out to machines.'),
    port_range_end: port(59_999, 'Last port that is handed out to machines.'),
    ports_per_vm: z
      .int()
      .min(1)
      .max(1000)
      .default(10)
      .describe('How many ports in a row each machine gets; the first leads to its SSH.'),
    policy: z
      .enum(['required', 'best-effort'])
      .default('required')
      .describe(
        'Whether a machine is handed over only after its ports were proved to lead to it, or also when that failed once.',
      ),
    dns: z
      .enum(['platform', 'wildcard', 'none'])
      .default('platform')
      .describe(
        'Who makes the machines’ DNS names: the platform, one for each machine; a wildcard record that you have set for this host; or nobody, and tenants are told the address.',
      ),
    targets: z
      .array(z.string().min(1).max(63))
      .optional()
      .meta({
        description:
          'The targets whose machines may be behind this host. Default: all. Machines with a public address, and those whose ports their backend publishes, need no ports here in either case.',
        examples: [['my-proxmox']],
      }),
    monthly_allowance_gb: z
      .number()
      .gt(0)
      .max(1_000_000)
      .optional()
      .meta({
        description:
          'How many gigabytes (10⁹ bytes, both directions together) each machine may move in a calendar month (UTC) before `allowance_action`.',
        examples: [10_000],
      }),
    allowance_action: z
      .enum(['notify', 'throttle'])
      .default('notify')
      .describe(
        'What happens then: `notify` says so in the log and in `status`; `throttle` also slows the machine down to `throttle_mbit` until the month is over.',
      ),
    throttle_mbit: z
      .int()
      .min(1)
      .max(100_000)
      .default(10)
      .describe(
        'How many megabits a second, in each direction, a machine gets while `allowance_action = "throttle"` slows it down.',
      ),
    caddy_sites_dir: absolutePath('Where the web server looks for one file per machine.').default('/etc/caddy/sites'),
    port_allocations_path: absolutePath('Where it is recorded which machine has which ports.').default(
      '/var/lib/dc-agent/port-allocations.json',
    ),
    local_ip: ipv4(
      'The address at which traffic for public_ip arrives on this host, where a router in front of it translates. Default: public_ip.',
    )
      .optional()
      .meta({ examples: ['192.168.1.10'] }),
    tenant_network: ipv4Network(
      'The network that machines get their addresses from, and nothing else. The first address is the host’s own.',
    ).default('10.77.0.0/16'),
    tenant_network_v6: ipv6Network(
      'The IPv6 network of the machines, where they have one; without it their IPv6 goes nowhere.',
    )
      .optional()
      .meta({ examples: ['2001:db8:77::/64'] }),
    tenant_interfaces: z
      .array(z.string().regex(/^[A-Za-z0-9._-]{1,15}$/, { error: 'expected the name of a network interface' }))
      .max(64)
      .default([])
      .meta({
        description:
          'The bridges on which the machines are, and nothing else is. With them, what a machine sends under a foreign address is dropped whatever the address.',
        examples: [['vmbr1']],
      }),
    host_services: z
      .array(
        z
          .string()
          .regex(/^(tcp|udp)\/([1-9]\d{0,4})$/, { error: 'expected for example tcp/53' })
          .refine((text) => Number(text.slice(4)) <= 65_535, { error: 'expected a port up to 65535' }),
      )
      .max(64)
      .default(['udp/67', 'udp/53', 'tcp/53'])
      .describe('What machines may reach on this host itself: DHCP and DNS. All else is closed to them.'),
    allowed_networks: z
      .array(ipv4Network('A private network.'))
      .max(64)
      .default([])
      .describe('Private networks that machines may reach. All others are closed to them, this host’s own too.'),
    smtp: z
      .enum(['deny', 'allow'])
      .default('deny')
      .describe('Whether machines may send mail directly (TCP port 25 outwards).'),
    metadata: z
      .enum(['deny', 'allow'])
      .default('deny')
      .describe(
        'Whether machines may reach the metadata addresses of clouds (169.254.169.254): where this host is itself a cloud server, its secrets are there.',
      ),
    new_connections_per_second: z
      .int()
      .min(1)
      .max(1_000_000)
      .optional()
      .meta({
        description: 'How many connections each machine may open outwards in a second. Default: no limit.',
        examples: [200],
      }),
    bandwidth_mbit: z
      .int()
      .min(1)
      .max(400_000)
      .optional()
      .meta({
        description: 'How many megabits each machine may send, and may receive, in a second. Default: no limit.',
        examples: [1000],
      }),
    web: z
      .enum(['caddy', 'off'])
      .default('off')
      .describe(
        '"caddy": each machine’s web server is reached by name over HTTPS, through Caddy on this host. dc-agent setup gateway switches it on.',
      ),
    tenant_names: z
      .enum(['deny', 'allow'])
      .default('deny')
      .describe(
        'Whether a contract may have host names of the tenant’s own (`web_names` in its instance_config), where their owner names the machine in DNS. Caddy gets a certificate for each.',
      ),
    reserved_names: z
      .array(
        z.string().regex(/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/, {
          error: 'expected a domain name in lower case',
        }),
      )
      .max(256)
      .default([])
      .meta({
        description:
          'Domains of yours: no tenant gets one of these, or a name below. `domain`, and every host that Caddy serves otherwise, are so in any case.',
        examples: [['example.org']],
      }),
    caddy_admin_socket: absolutePath('Where Caddy’s admin API listens.').default('/run/dc-agent-caddy/admin.sock'),
    certificates: z
      .enum(['acme-dns', 'internal'])
      .default('acme-dns')
      .describe(
        '"acme-dns": one certificate for all names, proved by this host’s account on the platform. "internal": signed by Caddy itself, which no browser trusts; for trying things out.',
      ),
    acme_dns_file: absolutePath(
      'The account for certificates, as dc-agent setup gateway wrote it. One for each host: another host with the same dc_id would replace it.',
    ).default('/etc/dc-agent/acme-dns.json'),
    nft_table: z
      .string()
      .regex(/^[a-z][a-z0-9_]{0,30}$/, { error: 'expected up to 31 lower-case letters, digits and underscores' })
      .default('dc_agent')
      .describe(
        'Name of the nftables table. Two agents on one host need two names, and port ranges and tenant networks that do not overlap.',
      ),
    helper_socket: absolutePath('Where the helper with the right to change the network listens.').default(
      '/run/dc-agent-netd/netd.sock',
    ),
  })
  .refine((gateway) => gateway.port_range_start <= gateway.port_range_end, {
    path: ['port_range_end'],
    error: 'is below port_range_start',
  })
  .refine(
    (gateway) =>
      gateway.port_range_start > gateway.port_range_end ||
      gateway.port_range_end - gateway.port_range_start + 1 >= gateway.ports_per_vm,
    { path: ['ports_per_vm'], error: 'is more than the whole port range' },
  )
  .refine((gateway) => !inNetwork(gateway.tenant_network, gateway.local_ip ?? gateway.public_ip), {
    path: ['tenant_network'],
    error: 'contains the address under which this host is reached; machines need a network of their own',
  })
  .refine((gateway) => gateway.allowance_action === 'notify' || gateway.monthly_allowance_gb !== undefined, {
    path: ['allowance_action'],
    error: 'throttle needs monthly_allowance_gb: without it nothing is ever used up',
  })
  .describe(
    'Ports and names through which tenants reach machines behind this host’s address. Leave the table out to do without.',
  );

function ipv4(description: string) {
  return z
    .string()
    .refine((text) => isIPv4(text) && !/^(0|127|22[4-9]|23\d|2[45]\d)\./.test(text), {
      error: 'expected an IPv4 address',
    })
    .describe(description);
}

function ipv4Network(description: string) {
  return z
    .string()
    .refine((text) => isNetwork(text, 8, 30), {
      error: 'expected an IPv4 network such as 10.77.0.0/16, of /8 to /30, without host bits',
    })
    .describe(description);
}

function ipv6Network(description: string) {
  return z
    .string()
    .refine(
      (text) =>
        /^[^/]+\/\d{1,3}$/.test(text) &&
        isIPv6(text.split('/')[0] ?? '') &&
        Number(text.split('/')[1]) >= 32 &&
        Number(text.split('/')[1]) <= 126,
      {
        error: 'expected an IPv6 network such as 2001:db8:77::/64, of /32 to /126',
      },
    )
    .describe(description);
}

function isNetwork(text: string, widest: number, narrowest: number): boolean {
  const [address = '', length = '', ...more] = text.split('/');
  if (more.length > 0 || !isIPv4(address) || !/^\d{1,2}$/.test(length)) return false;
  if (Number(length) < widest || Number(length) > narrowest) return false;
  return numberOf(address) % 2 ** (32 - Number(length)) === 0;
}

function inNetwork(network: string, address: string): boolean {
  const [base = '', length = ''] = network.split('/');
  const size = 2 ** (32 - Number(length));
  return Math.floor(numberOf(base) / size) === Math.floor(numberOf(address) / size);
}

function numberOf(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function seconds(standard: number, description: string, max = 7 * DAY) {
  return z.int().min(1).max(max).default(standard).describe(`${description} In seconds.`);
}

/** Optional and without a default: the platform's limits are the platform's to change. */
function perMinute(today: number, description: string) {
  return z
    .int()
    .min(1)
    .max(1_000_000)
    .optional()
    .meta({
      description: `${description} Default: the platform’s own limit. Lower it where several agents share one address.`,
      examples: [today],
    });
}

function port(standard: number, description: string) {
  return z.int().min(1024).max(65_535).default(standard).describe(description);
}

/**
 * 64 hex digits are the key, anything else is the path of its file, as in the reference agent. What looks like a damaged
 * key is refused here: taken for a path, it would be printed by whoever cannot open that path.
 */
function readKeySource(key: Secret, from: 'text' | 'elsewhere'): KeySource | string {
  const text = key.reveal().trim();
  if (/^[0-9a-f]{64}$/i.test(text)) return { kind: 'hex', secret: new Secret(text.toLowerCase()) };
  if (from === 'elsewhere') return 'holds no agent key; expected 64 hex digits';
  const expected = 'expected 64 hex digits or the path of a file that holds them';
  const encoded = /^(0x)?[0-9a-f]{16,}$/i.test(text) || /^[A-Za-z0-9+/_-]{40,}={0,2}$/.test(text.replaceAll(/\s/g, ''));
  const multiline = /[\0-\x1f]/.test(text);
  if (multiline || (encoded && !/^\/.*\/.*\//.test(text))) return `is neither a key nor a path; ${expected}`;
  if (text.startsWith('~')) return `~ is not expanded; ${expected}`;
  if (!isAbsolute(text) && !/[./]/.test(text)) return `is neither a key nor a path; ${expected}`;
  return { kind: 'file', path: text };
}
