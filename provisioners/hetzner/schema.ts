import { z } from 'zod';
import { httpUrl, secret, userName } from '../../src/provisioner/settings.ts';

/** Names of server types, locations and system images: never digits only, because the API takes ids in the same place. */
const name = z
  .string()
  .max(63)
  .regex(/^(?=.*[a-z])[a-z0-9][a-z0-9._-]*$/, 'expected a name as the Hetzner console shows it, in lower case');

const image = z
  .string()
  .max(80)
  .regex(
    /^(?:snapshot:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?|(?=.*[a-z])[a-z0-9][a-z0-9._-]*)$/,
    'expected the name of a system image, or snapshot:NAME',
  );

/** The `[targets.hetzner]` table. */
export const hetznerSettings = z
  .strictObject({
    token: secret('API token of one Hetzner Cloud project, with read and write permission. Use a project of its own.'),
    endpoint: httpUrl('Where the API answers, with its version.').default('https://api.hetzner.cloud/v1'),
    offerings: z
      .array(z.string().min(1).max(200))
      .min(1)
      .meta({
        description:
          'The offerings that this target serves, by the ids that you gave them (`offering_id`). Contracts of any other are not touched: the platform may be making those machines itself.',
        examples: [['small-vps']],
      }),
    server_types: z
      .array(name)
      .min(1)
      .meta({
        description: 'Server types that may be made, the preferred one first. `setup hetzner` shows what there is.',
        examples: [['cx23', 'cpx22']],
      }),
    locations: z
      .array(name)
      .min(1)
      .meta({ description: 'Locations in which servers may be made, the preferred one first.', examples: [['fsn1']] }),
    orders_may_name: z
      .array(z.enum(['type', 'location', 'image']))
      .default(['location', 'image'])
      .describe(
        'What an order may choose from your lists. Tenants can write it into an order too: with type, whoever buys the cheapest offering can have the dearest of `server_types`. What an order may not name is chosen by the size that the offering states.',
      ),
    substitute: z
      .enum(['none', 'location', 'type', 'both'])
      .default('none')
      .describe(
        'What may take the place of what an offering names, when that is out of stock: another of `locations`, a type of `server_types` that is at least as large, or both. What an offering does not name may be anything on the lists.',
      ),
    image: image.meta({
      description:
        'The image of offerings that name none: a system image, or snapshot:NAME for a template of your own.',
      examples: ['debian-13'],
    }),
    images: z.array(image).default([]).describe('Further images that offerings may name. Any other is refused.'),
    ipv4: z
      .enum(['own', 'none'])
      .default('own')
      .describe('own: every server has an IPv4 address, which costs extra. none: IPv6 only.'),
    firewall: name.optional().meta({
      description: 'Name of a firewall of the project that every server gets when it is made. Default: none.',
      examples: ['dc-agent'],
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
    ssh_user: userName()
      .default('root')
      .describe('The user as whom tenants log in. Another than root is made by cloud-init, and may become root.'),
    guest_agent: z
      .enum(['unknown', 'present'])
      .default('unknown')
      .describe('Whether all images run the QEMU guest agent. Without it the API cannot set passwords.'),
    suspend: z
      .enum(['poweroff', 'snapshot'])
      .default('poweroff')
      .describe(
        'What pausing does. poweroff: the server stays and costs its full price. snapshot: the disk is kept as a snapshot, the addresses are reserved, and the server is deleted; cheaper, slower, and resuming needs free stock.',
      ),
    max_servers: z
      .int()
      .min(1)
      .max(10_000)
      .default(10)
      .describe('How many machines at most. The API does not tell the account’s limit.'),
    reserve_requests: z
      .int()
      .min(0)
      .max(3_000)
      .default(300)
      .describe('How many of the project’s API requests are kept for deletions and for your other tools.'),
    request_timeout_seconds: z
      .number()
      .positive()
      .max(600)
      .default(15)
      .describe('How long one call to the API may take.'),
    create_timeout_seconds: z
      .int()
      .min(30)
      .max(7_200)
      .default(900)
      .describe('How long a server may take to be made and to start. One that takes longer is deleted and made anew.'),
    stop_grace_seconds: z
      .int()
      .min(0)
      .max(600)
      .default(30)
      .describe('How long a machine may take to shut down before it is switched off.'),
  })
  .describe('A Hetzner Cloud project: machines are cloud servers.');

export type HetznerSettings = z.infer<typeof hetznerSettings>;
