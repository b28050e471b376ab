import type { Clock } from '../../src/ports/clock.ts';
import type { Backend, BackendOptions } from './backend.ts';
import { behindHost } from './behind-host.ts';
import { digitalOceanBackend } from './digitalocean-backend.ts';
import { hetznerBackend } from './hetzner-backend.ts';
import { proxmoxBackend } from './proxmox-backend.ts';
import { sandboxBackend, sandboxBySsh } from './sandbox-backend.ts';
import type { SeededRandom } from './seeded-random.ts';
import { vultrBackend } from './vultr-backend.ts';

type MakeBackend = (clock: Clock, random: SeededRandom, options: BackendOptions) => Backend;

/** What a story can be played on. */
export const BACKENDS = {
  sandbox: sandboxBackend,
  gateway: behindHost(sandboxBackend),
  'sandbox-ssh': sandboxBySsh,
  'proxmox-8.4': proxmoxBackend('8.4'),
  'proxmox-9.1': proxmoxBackend('9.1'),
  digitalocean: digitalOceanBackend,
  hetzner: hetznerBackend('poweroff'),
  'hetzner-snapshot': hetznerBackend('snapshot'),
  vultr: vultrBackend,
} as const satisfies Record<string, MakeBackend>;

export type BackendName = keyof typeof BACKENDS;

export function isBackendName(name: string): name is BackendName {
  return Object.hasOwn(BACKENDS, name);
}
