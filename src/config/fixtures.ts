import { z } from 'zod';
import { digitaloceanSettings } from '../../provisioners/digitalocean/schema.ts';
import { manualSettings } from '../../provisioners/manual/schema.ts';
import { proxmoxSettings } from '../../provisioners/proxmox/schema.ts';
import type { Plugins } from './reference.ts';

const docker = z
  .strictObject({
    socket_path: z.string().default('/var/run/docker.sock').describe('The engine’s socket.'),
    network: z.string().default('bridge').describe('The network.'),
    default_image: z.string().default('dc-agent-ssh:latest').describe('The image.'),
    ssh_port: z.int().min(1).max(65_535).default(22).describe('The port inside the container.'),
  })
  .describe('A Docker engine.');

const script = z
  .strictObject({
    provision: z.string().meta({ description: 'Makes a machine.', examples: ['/opt/provision'] }),
    terminate: z.string().meta({ description: 'Removes it.', examples: ['/opt/terminate'] }),
    health_check: z.string().meta({ description: 'Looks at it.', examples: ['/opt/health'] }),
    timeout_seconds: z.int().min(1).default(300).describe('Time limit.'),
  })
  .describe('Executables of your own.');

/** For tests: the reference agent's five types. */
export const plugins: Plugins = new Map([
  ['docker', { settings: docker }],
  ['script', { settings: script }],
  ['proxmox', { settings: proxmoxSettings }],
  ['digitalocean', { settings: digitaloceanSettings }],
  ['manual', { settings: manualSettings }],
]);

export const PUBKEY = 'ab'.repeat(32);
export const KEY = 'cd'.repeat(32);

/** The least that a file must hold, with Docker as its backend. */
export const MINIMAL = `[api]
endpoint = "https://api.decent-cloud.org/"
provider_pubkey = "${PUBKEY.toUpperCase()}"
agent_secret_key = "/root/.dc-agent/agent.key"

[[targets]]
name = "local"
type = "docker"
`;
