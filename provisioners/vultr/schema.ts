import { z } from 'zod';
import { httpUrl, secret, userName } from '../../src/provisioner/settings.ts';

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;

/** Ids of plans and regions: `vc2-1c-1gb`, `ams`. */
const name = z
  .string()
  .max(63)
  .regex(/^[a-z0-9][a-z0-9._-]*$/, 'expected an id as the Vultr API lists it, in lower case');

const image = z
  .string()
  .max(100)
  .regex(
    /^(?:os:[1-9]\d{0,8}|image:[a-z0-9][a-z0-9._-]*|snapshot:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})$/,
    'expected os:NUMBER, image:ID or snapshot:UUID',
  );

/** The `[targets.vultr]` table. */
export const vultrSettings = z
  .strictObject({
    api_key: secret('API key of a Vultr account or sub-user. It must be allowed from this host’s addresses.'),
    endpoint: httpUrl('Where the API answers, with its version.').default('https://api.vultr.com/v2'),
    offerings: z
      .array(z.string().min(1).max(200))
      .min(1)
      .meta({
        description:
          'The offerings that this target serves, by the ids that you gave them (`offering_id`). Contracts of any other are not touched: the platform may be making those machines itself.',
        examples: [['small-vps']],
      }),
    plans: z
      .array(name)
      .min(1)
      .meta({
        description:
          'Plans that may be made, the preferred one first. Prices: https://www.vultr.com/pricing, and doctor.',
        examples: [['vc2-1c-1gb', 'vc2-1c-2gb']],
      }),
    regions: z
      .array(name)
      .min(1)
      .meta({ description: 'Regions in which instances may be made, the preferred one first.', examples: [['ams']] }),
    orders_may_name: z
      .array(z.enum(['plan', 'region', 'image']))
      .default(['region', 'image'])
      .describe(
        'What an order may choose from your lists. Tenants can write it into an order too: with plan, whoever buys the cheapest offering can have the dearest of `plans`. What an order may not name is chosen by the size that the offering states.',
      ),
    substitute: z
      .enum(['none', 'region', 'plan', 'both'])
      .default('none')
      .describe(
        'What may take the place of what an offering names, when that is out of stock: another of `regions`, a plan of `plans` that is at least as large, or both. What an offering does not name may be anything on the lists.',
      ),
    image: image.meta({
      description:
        'The image of offerings that name none: os:NUMBER for an operating system, image:ID for one of the marketplace, snapshot:UUID for a template of your own. It must run cloud-init.',
      examples: ['os:2136'],
    }),
    images: z.array(image).default([]).describe('Further images that offerings may name. Any other is refused.'),
    ssh_user: userName()
      .default('root')
      .describe('The user as whom tenants log in. Another than root is made by cloud-init, and may become root.'),
    ipv4: z
      .enum(['own', 'none'])
      .default('own')
      .describe('own: every instance has a public IPv4 address. none: IPv6 only, which some plans need.'),
    firewall_group: z
      .string()
      .regex(UUID, 'expected the UUID of a firewall group')
      .optional()
      .meta({
        description: 'A firewall group of the account that every instance gets when it is made. Default: none.',
        examples: ['7a1f5c0e-2b3d-4e5f-8a9b-0c1d2e3f4a5b'],
      }),
    max_instances: z
      .int()
      .min(1)
      .max(10_000)
      .default(10)
      .describe('How many machines at most. The API does not tell the account’s limit.'),
    requests_per_second: z
      .int()
      .min(1)
      .max(14)
      .default(10)
      .describe(
        'How many API requests a second, with as many more in a burst. Vultr refuses more than 30 from one address, your other tools included.',
      ),
    request_timeout_seconds: z
      .number()
      .positive()
      .max(600)
      .default(30)
      .describe('How long one call to the API may take.'),
    create_timeout_seconds: z
      .int()
      .min(30)
      .max(7_200)
      .default(900)
      .describe(
        'How long an instance may take to be made and to start. One that takes longer is deleted and made anew.',
      ),
  })
  .describe('A Vultr account: machines are cloud instances.');

export type VultrSettings = z.infer<typeof vultrSettings>;
