import type { Guest } from '../cloud/guests.ts';
import { readUserData } from '../hetzner/user-data.ts';
import type { Cloud } from './cloud.ts';

/** The inside of every droplet that has an address. */
export function guestsOf({ account, clock, options }: Cloud): readonly Guest[] {
  const now = clock.monotonic();
  return [...account.droplets.values()].flatMap((droplet) => {
    const { ipv4, status, activeAt, userData, publicKeys, name, size } = droplet;
    if (ipv4 === undefined) return [];
    const setup = readUserData(userData);
    const upSince = activeAt === undefined ? Number.POSITIVE_INFINITY : activeAt + options.timings.bootMs;
    return [
      {
        address: ipv4,
        ready: status === 'active' && now >= upSince,
        authorizedKeys: [...publicKeys, ...setup.authorizedKeys],
        hostKey: setup.hostKey?.private,
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
