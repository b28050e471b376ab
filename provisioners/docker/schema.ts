import { z } from 'zod';
import { userName } from '../../src/provisioner/settings.ts';

/** An image reference as the engine's paths may carry it: no query, no dot segments, nothing to escape. */
const imageName = z
  .string()
  .max(255)
  .regex(/^[a-z0-9][A-Za-z0-9._:/@-]*$/, 'expected an image reference such as name:tag')
  .refine((name) => !/\.\.|\/\/|\/$/.test(name), 'expected an image reference such as name:tag');

const port = z.int().min(1).max(65535);

/** The `[provisioner.docker]` table. The first four keys are the reference agent's. */
export const dockerSettings = z
  .strictObject({
    socket_path: z
      .string()
      .default('')
      .describe("The engine's unix socket, with or without unix:// in front. Empty means /var/run/docker.sock."),
    network: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, "expected the name of an existing network; 'host' is not possible")
      .refine((name) => name !== 'host' && name !== 'none', 'a machine needs a network of its own')
      .optional()
      .describe(
        'An existing Docker network for all machines. Without it the plugin makes its own, see network_isolation.',
      ),
    default_image: imageName
      .default('dc-agent-ssh:latest')
      .describe('The image of offerings that name none. scripts/build-ssh-image builds the default one.'),
    ssh_port: port.default(22).describe("The port on which the image's SSH server listens inside the machine."),
    allowed_images: z
      .array(imageName)
      .default([])
      .describe('Further images that offerings may name in their settings. Any other image is refused.'),
    pull: z
      .enum(['missing', 'never'])
      .default('missing')
      .describe(
        'Whether an image that is not on the engine is pulled. Private registries are not supported: pull by hand.',
      ),
    start_sshd: z
      .enum(['auto', 'always', 'never'])
      .default('auto')
      .describe(
        "Who starts the SSH server. never: the image's own command. always: the plugin replaces it by sshd. auto: replaced only when the image's command is a bare sshd or a bare shell.",
      ),
    ssh_user: userName()
      .optional()
      .meta({
        description:
          "The user as whom tenants log in, who must be in the image. Default: whom the image's label dc-agent.ssh-user names, else root.",
        examples: ['debian'],
      }),
    publish_address: z
      .union([z.ipv4(), z.ipv6()], 'expected an IPv4 or IPv6 address')
      .default('0.0.0.0')
      .describe("The host's address on which the machines' SSH ports are published."),
    public_address: z
      .string()
      .min(1)
      .max(253)
      .regex(/^[A-Za-z0-9.:-]+$/, 'expected an IP address or a host name')
      .optional()
      .describe('What tenants connect to. Default: publish_address; 127.0.0.1 when that is 0.0.0.0 or ::.'),
    port_range_start: port.default(42_000).describe('First host port for the machines.'),
    port_range_end: port.default(42_999).describe('Last host port for the machines, included.'),
    default_cpu_cores: z
      .number()
      .min(0.01)
      .max(1024)
      .default(1)
      .describe('Cores of a machine whose offering says none.'),
    default_memory_mb: z.int().min(16).default(512).describe('Memory of a machine whose offering says none, in MiB.'),
    reserve_memory_mb: z.int().min(0).default(0).describe('Memory that is never sold, in MiB.'),
    pids_limit: z
      .int()
      .min(16)
      .max(4_194_304)
      .default(512)
      .describe('How many processes and threads one machine may have.'),
    disk_limit: z
      .enum(['auto', 'require', 'off'])
      .default('auto')
      .describe(
        'The ordered disk size. auto: enforced where the storage driver can. require: an order with a size is refused elsewhere. off: never enforced.',
      ),
    log_max_size: z
      .string()
      .regex(/^[1-9][0-9]*[kmg]$/, 'expected a number and k, m or g, such as 10m')
      .default('10m')
      .describe("Size of one log file of a machine's console; three are kept."),
    network_isolation: z
      .boolean()
      .default(true)
      .describe('The own network forbids machines to talk to each other. Needs an engine that manages the firewall.'),
    runtime: z
      .string()
      .regex(/^[A-Za-z0-9_.-]+$/, 'expected the name of a runtime that the engine knows')
      .optional()
      .describe(
        "A container runtime that the engine knows, such as runsc for stronger isolation. Default: the engine's.",
      ),
    call_timeout_seconds: z.int().min(1).max(600).default(30).describe('How long one call to the engine may take.'),
    pull_timeout_seconds: z.int().min(1).max(7200).default(600).describe('How long pulling one image may take.'),
    stop_grace_seconds: z
      .int()
      .min(0)
      .max(600)
      .default(30)
      .describe('How long a machine may take to power off by itself.'),
  })
  .refine((s) => s.port_range_start <= s.port_range_end, {
    path: ['port_range_end'],
    message: 'is below port_range_start',
  })
  .describe('A Docker engine on this host: machines are containers with an SSH server.');

export type DockerSettings = z.infer<typeof dockerSettings>;

/** Empty means the usual place; the form of DOCKER_HOST is accepted too. */
export function socketPath(settings: Pick<DockerSettings, 'socket_path'>): string {
  const path = settings.socket_path.replace(/^unix:\/\//, '');
  return path === '' ? '/var/run/docker.sock' : path;
}

/** What the tenant's client connects to. */
export function publicAddress(settings: Pick<DockerSettings, 'public_address' | 'publish_address'>): string {
  if (settings.public_address !== undefined) return settings.public_address;
  return settings.publish_address === '0.0.0.0' || settings.publish_address === '::'
    ? '127.0.0.1'
    : settings.publish_address;
}
