import { createHash } from 'node:crypto';
import type { Guest } from '../cloud/guests.ts';
import { readUserData } from '../hetzner/user-data.ts';
import type { Cloud } from './cloud.ts';

export interface DoGuest extends Guest {
  /** As OpenSSH prints it; made up, and stable for the droplet's life, when nobody ordered the key. */
  readonly hostKeyFingerprint: string;
}

/** The inside of every droplet that has an address. */
export function guestsOf({ account, clock, options }: Cloud): readonly DoGuest[] {
  const now = clock.monotonic();
  return [...account.droplets.values()].flatMap((droplet) => {
    const { id, ipv4, status, activeAt, userData, publicKeys, name, size } = droplet;
    if (ipv4 === undefined) return [];
    const setup = readUserData(userData);
    const upSince = activeAt === undefined ? Number.POSITIVE_INFINITY : activeAt + options.timings.bootMs;
    return [
      {
        address: ipv4,
        ready: status === 'active' && now >= upSince,
        authorizedKeys: [...publicKeys, ...setup.authorizedKeys],
        hostKey: setup.hostKey?.private,
        hostKeyFingerprint: fingerprint(
          setup.hostKey?.public.split(' ')[1] ?? Buffer.from(String(id)).toString('base64'),
        ),
        facts: {
          hostname: name,
          uptimeMs: activeAt === undefined ? 0 : Math.floor(now - activeAt),
          cpuCores: size.vcpus,
          memoryMb: size.memory,
          diskGb: size.disk,
          environment: { USER: 'root', HOME: '/root' },
        },
      },
    ];
  });
}

function fingerprint(blob: string): string {
  return `SHA256:${createHash('sha256').update(blob, 'base64').digest('base64').replace(/=+$/, '')}`;
}
