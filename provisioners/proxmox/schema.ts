import { isIP } from 'node:net';
import { z } from 'zod';
import { absolutePath, httpUrl, secret, userName } from '../../src/provisioner/settings.ts';
import { ipv4Number, parseNetwork } from './ipv4.ts';

const nodeName = z
  .string()
  .regex(/^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/, { error: 'expected the name of a node' });

const vmid = z.int().min(100).max(999_999_999);

const staticPool = z
  .strictObject({
    cidr: z
      .string()
      .refine((text) => parseNetwork(text) !== undefined, { error: 'expected an IPv4 network such as 192.0.2.0/24' })
      .describe('The network that the addresses belong to.'),
    first: z.ipv4().optional().describe('The first address to give away. Default: the second of the network.'),
    last: z.ipv4().optional().describe('The last address to give away. Default: the last but one of the network.'),
    gateway: z.ipv4().optional().describe('The default route. Default: the first address of the network.'),
    dns: z
      .array(z.string().refine((text) => isIP(text) !== 0, { error: 'expected an IP address' }))
      .max(3)
      .optional()
      .describe('Name servers. Default: those of the node.'),
  })
  .superRefine((pool, ctx) => {
    const network = parseNetwork(pool.cidr);
    if (network === undefined) return;
    for (const key of ['first', 'last', 'gateway'] as const) {
      const address = pool[key];
      if (address === undefined) continue;
      const number = ipv4Number(address);
      if (number !== undefined && number >= network.first && number <= network.last) continue;
      ctx.addIssue({ code: 'custom', path: [key], message: `is not an address of ${pool.cidr}` });
    }
  });

/** Settings of a Proxmox VE target. The first ten keys and their defaults are those of the reference agent. */
export const proxmoxSettings = z
  .strictObject({
    api_url: httpUrl('Where the API answers, without /api2/json.')
      .refine((url) => !/\/api2(\/|$)/i.test(url), {
        error: 'ends in /api2, which the agent adds itself; leave it out',
      })
      .meta({ examples: ['https://192.0.2.10:8006'], format: 'uri' }),
    api_token_id: z
      .string()
      .regex(/^[^\s!@:/=]+@[A-Za-z0-9._-]+![A-Za-z][A-Za-z0-9._-]+$/, { error: 'expected user@realm!name' })
      .meta({ description: 'Id of the API token: user@realm!name.', examples: ['dc-agent@pve!dc-agent'] }),
    api_token_secret: secret('The API token’s secret.'),
    node: nodeName.meta({ description: 'The node on which machines are made; see also nodes.', examples: ['pve'] }),
    template_vmid: vmid.meta({
      description: 'VMID of the template for offerings that name none.',
      examples: [9000],
    }),
    storage: z
      .string()
      .min(1)
      .default('local-lvm')
      .describe('The storage for disks that are copied whole; a linked clone stays on its template’s storage.'),
    pool: z
      .string()
      .min(1)
      .optional()
      .meta({
        description: 'The resource pool that machines are put into. Default: none.',
        examples: ['tenants'],
      }),
    verify_ssl: z
      .boolean()
      .default(true)
      .describe('Whether the API’s certificate must be believed. false lets anybody on the way read the token.'),
    ip_wait_attempts: z
      .int()
      .min(1)
      .max(10_000)
      .default(12)
      .describe('With ip_wait_interval_secs: how long a started machine may take until its address is known.'),
    ip_wait_interval_secs: z
      .int()
      .min(1)
      .max(3600)
      .default(10)
      .describe('Times ip_wait_attempts = the longest wait, in seconds. Questions come quickly at first.'),
    ca_file: absolutePath(
      'PEM file of the authority that signed the API’s certificate, such as /etc/pve/pve-root-ca.pem. Default: the system’s.',
    ).optional(),
    fingerprint: z
      .string()
      .regex(/^([0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$|^[0-9A-Fa-f]{64}$/, {
        error: 'expected a SHA-256 fingerprint: 64 hex digits, with or without colons',
      })
      .optional()
      .meta({
        description: 'SHA-256 of the API’s certificate, which is believed then whoever signed it.',
        examples: [Array.from({ length: 32 }, () => 'AB').join(':')],
      }),
    nodes: z
      .union([z.literal('all'), z.array(nodeName).min(1)], { error: "expected 'all' or a list of nodes" })
      .optional()
      .meta({ description: 'Nodes on which machines may be made. Default: the one in node.', examples: ['all'] }),
    vmid_start: vmid
      .default(100_000)
      .describe('First VMID for machines. The default keeps clear of what people and the web interface choose.'),
    vmid_end: vmid.default(999_999).describe('Last VMID for machines, included.'),
    templates: z
      .array(z.union([vmid, z.string().min(1)], { error: 'expected VMIDs and names of templates' }))
      .default([])
      .describe('Further templates that offerings may name, by VMID or name. Any other is refused.'),
    clone: z
      .enum(['auto', 'linked', 'full'])
      .default('auto')
      .describe(
        'linked: disks share what they have in common with the template. full: copies. auto: linked where it works.',
      ),
    bridge: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9_.-]{0,14}$/, { error: 'expected the name of a bridge' })
      .optional()
      .meta({ description: 'The bridge for machines. Default: the template’s.', examples: ['vmbr1'] }),
    vlan_tag: z
      .int()
      .min(1)
      .max(4094)
      .optional()
      .meta({ description: 'The VLAN for machines. Default: the template’s.', examples: [100] }),
    net_rate_mbps: z
      .number()
      .min(1)
      .max(1_000_000)
      .optional()
      .meta({
        description: 'Network speed of a machine in Mbit/s, each way. Default: the template’s.',
        examples: [1000],
      }),
    firewall: z
      .boolean()
      .default(true)
      .describe('Keeps machines from using others’ addresses. Works once the datacenter’s firewall is on.'),
    cpu_limit: z
      .number()
      .min(0.05)
      .max(1)
      .optional()
      .meta({
        description: 'How much of each ordered core a machine may use, such as 0.5. Default: all of it.',
        examples: [0.5],
      }),
    ci_user: userName()
      .optional()
      .meta({
        description: 'The user that cloud-init lets the tenant in as. Default: the template’s, else root.',
        examples: ['debian'],
      }),
    ssh_user: userName()
      .optional()
      .meta({ description: 'The user that tenants are told. Default: ci_user.', examples: ['debian'] }),
    address: z
      .union([z.literal('dhcp'), staticPool], { error: "expected 'dhcp' or a table with cidr" })
      .default('dhcp')
      .describe('Where machines get their IPv4 address from: dhcp, or a range that is this agent’s alone.'),
    tags: z
      .array(z.string().regex(/^[a-z0-9_][a-z0-9_+.-]*$/, { error: 'expected lower-case letters, digits, _ + . -' }))
      .default([])
      .describe('Tags for machines, besides dc-agent.'),
    onboot: z.boolean().default(true).describe('Whether machines come up again with their node.'),
    stop_grace_seconds: z
      .int()
      .min(1)
      .max(3600)
      .default(60)
      .describe('How long a machine may take to power off by itself.'),
    reserve_memory_mb: z.int().min(0).default(1024).describe('Memory of each node that is never sold, in MiB.'),
    reserve_storage_gb: z.number().min(0).default(10).describe('Space of a storage that is never sold, in GiB.'),
  })
  .refine((s) => s.vmid_start <= s.vmid_end, { path: ['vmid_end'], message: 'is below vmid_start' })
  .describe('A Proxmox VE node or cluster.');

export type ProxmoxSettings = z.infer<typeof proxmoxSettings>;
export type StaticPool = z.infer<typeof staticPool>;

/** True when a machine may be made on this node. */
export function isAllowedNode(settings: Pick<ProxmoxSettings, 'node' | 'nodes'>, node: string): boolean {
  const { nodes = [settings.node] } = settings;
  return nodes === 'all' || nodes.includes(node);
}
