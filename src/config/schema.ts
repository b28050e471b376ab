import { isIPv4 } from 'node:net';
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
    caddy_sites_dir: absolutePath('Where the web server looks for one file per machine.').default('/etc/caddy/sites'),
    port_allocations_path: absolutePath('Where it is recorded which machine has which ports.').default(
      '/var/lib/dc-agent/port-allocations.json',
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
  .describe(
    'Ports and names through which tenants reach machines behind this host’s address. Leave the table out to do without.',
  );

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
