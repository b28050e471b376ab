import { z } from 'zod';
import { httpUrl, secret, userName } from '../../src/provisioner/settings.ts';

const SLUG = /^[a-z0-9][a-z0-9._-]*$/;

const slug = () =>
  z.string().max(63).regex(SLUG, { error: 'expected a slug: lower-case letters, digits, dots and hyphens' });

/** Settings of a DigitalOcean target. `api_token` and the `default_…` keys, with their defaults, are those of the reference agent. */
export const digitaloceanSettings = z
  .strictObject({
    api_token: secret('An API token of the account or team, with the scopes that the operator guide lists.'),
    endpoint: httpUrl('Where the API answers, with its version.').default('https://api.digitalocean.com/v2'),
    default_size: slug()
      .default('s-1vcpu-1gb')
      .describe('The size that is made first: of droplets whose offering names none, and is no larger.'),
    default_region: slug().default('nyc3').describe('The region of droplets whose offering names none.'),
    default_image: slug()
      .default('ubuntu-24-04-x64')
      .describe('The image of droplets whose offering names none: its slug, or its number in quotes.'),
    sizes: z
      .array(slug())
      .default([])
      .meta({
        description: 'Further sizes that may be made, the preferred one first. `doctor` shows what each costs.',
        examples: [['s-2vcpu-4gb']],
      }),
    regions: z
      .array(slug())
      .default([])
      .meta({
        description: 'Further regions in which droplets may be made, the preferred one first.',
        examples: [['fra1']],
      }),
    images: z.array(slug()).default([]).describe('Further images that offerings may name. Any other is refused.'),
    orders_may_name: z
      .array(z.enum(['size', 'region', 'image']))
      .default(['region', 'image'])
      .describe(
        'What an order may choose from your lists, beside the defaults. Tenants can write it into an order too: with size, whoever buys the cheapest offering can have the dearest of `sizes`. What an order does not name is chosen by what the offering states.',
      ),
    substitute: z
      .enum(['none', 'region', 'size', 'both'])
      .default('none')
      .describe(
        'What may take the place of what an offering names, when that is out of stock: another region, a size that is at least as large, or both. What an offering does not name may be anything on the lists.',
      ),
    ssh_user: userName()
      .default('root')
      .describe('The user as whom tenants log in. Another than root is made by cloud-init, and may become root.'),
    ipv6: z.enum(['own', 'none']).default('own').describe('own: every droplet has an IPv6 address too, at no cost.'),
    firewall: z
      .string()
      .min(1)
      .max(255)
      .optional()
      .meta({
        description:
          'Name of a cloud firewall of the account that covers a tag: every droplet gets that tag when it is made. Default: none.',
        examples: ['dc-agent'],
      }),
    vpcs: z
      .array(z.uuid())
      .default([])
      .meta({
        description:
          'VPC networks for the droplets, one for each region. Default: the region’s own, which is shared with whatever else is in it.',
        examples: [['760e09ef-dc84-11e8-981e-3cfdfeaae000']],
      }),
    ssh_key: z
      .string()
      .regex(/^[a-z0-9@.-]{1,64} [A-Za-z0-9+/]{16,16384}={0,2}(?: .*)?$/, 'expected one public key: type base64')
      .optional()
      .meta({
        description:
          'A public key of yours that gets into every machine, for emergencies. Tenants see it. Default: one whose private half nobody has.',
        examples: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f you@example'],
      }),
    max_droplets: z
      .int()
      .min(1)
      .max(10_000)
      .default(10)
      .describe('How many machines at most. The account’s own limit counts as well.'),
    reserve_requests: z
      .int()
      .min(0)
      .max(4_000)
      .default(500)
      .describe('How many of the token’s API requests an hour are kept for deletions and for your other tools.'),
    request_timeout_seconds: z
      .number()
      .positive()
      .max(600)
      .default(30)
      .describe('How long one call to the API may take.'),
    create_timeout_seconds: z
      .int()
      .min(60)
      .max(7_200)
      .default(900)
      .describe('How long a droplet may take to be made and to start. One that takes longer is deleted and made anew.'),
    stop_grace_seconds: z
      .int()
      .min(0)
      .max(600)
      .default(30)
      .describe('How long a machine may take to shut down before it is switched off.'),
  })
  .describe('A DigitalOcean account: machines are droplets.');

export type DigitalOceanSettings = z.infer<typeof digitaloceanSettings>;
