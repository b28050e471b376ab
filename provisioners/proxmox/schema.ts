import { z } from 'zod';
import { httpUrl, secret } from '../../src/provisioner/settings.ts';

/** Settings of a Proxmox VE target. The keys and defaults are those of the reference agent. */
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
    node: z
      .string()
      .regex(/^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/, { error: 'expected the name of a node' })
      .meta({ description: 'The node on which machines are made.', examples: ['pve'] }),
    template_vmid: z
      .int()
      .min(100)
      .max(999_999_999)
      .meta({ description: 'VMID of the template that machines are cloned from.', examples: [9000] }),
    storage: z.string().min(1).default('local-lvm').describe('The storage for machines’ disks.'),
    pool: z
      .string()
      .min(1)
      .optional()
      .meta({
        description: 'The resource pool that machines are put into. Default: none.',
        examples: ['tenants'],
      }),
    verify_ssl: z.boolean().default(true).describe('Whether the API’s certificate must be valid.'),
    ip_wait_attempts: z
      .int()
      .min(1)
      .max(10_000)
      .default(12)
      .describe('How often the guest is asked for its address before a new machine counts as failed.'),
    ip_wait_interval_secs: z
      .int()
      .min(1)
      .max(3600)
      .default(10)
      .describe('The longest pause between two such questions, in seconds.'),
  })
  .describe('A Proxmox VE node or cluster.');
