import type { ProxmoxSettings } from './schema.ts';
import type { PvePermissions } from './wire-access.ts';

export interface Need {
  readonly path: string;
  readonly privileges: readonly string[];
  /** What does not work without them. */
  readonly for: string;
  readonly level: 'fail' | 'warn';
}

/** What the token must be allowed, by version: each refuses the other's name for the guest agent's right. */
export function neededRights(settings: ProxmoxSettings, major: number, storages: readonly string[]): Need[] {
  const machines = settings.pool === undefined ? '/vms' : `/pool/${settings.pool}`;
  const modern = major >= 9;
  return [
    {
      path: machines,
      privileges: [
        'VM.Allocate',
        'VM.Audit',
        'VM.Clone',
        'VM.Config.CPU',
        'VM.Config.Cloudinit',
        'VM.Config.Disk',
        'VM.Config.Memory',
        'VM.Config.Network',
        'VM.Config.Options',
        'VM.PowerMgmt',
      ],
      for: 'making, starting, stopping and removing machines',
      level: 'fail',
    },
    {
      path: machines,
      privileges: [modern ? 'VM.GuestAgent.Audit' : 'VM.Monitor'],
      for: 'asking a machine for its address',
      level: settings.address === 'dhcp' ? 'fail' : 'warn',
    },
    ...storages.map(
      (storage): Need => ({
        path: `/storage/${storage}`,
        privileges: ['Datastore.AllocateSpace', 'Datastore.Audit'],
        for: `disks on storage '${storage}'`,
        level: 'fail',
      }),
    ),
    ...(major >= 8
      ? [
          {
            path: `/sdn/zones/localnetwork${settings.bridge === undefined ? '' : `/${settings.bridge}`}`,
            privileges: ['SDN.Use'],
            for: 'putting machines on a bridge',
            level: 'fail',
          } as const,
        ]
      : []),
    {
      path: `/nodes/${settings.node}`,
      privileges: ['Sys.Audit'],
      for: 'knowing how much memory is left',
      level: 'warn',
    },
    ...(modern
      ? [
          {
            path: machines,
            privileges: ['VM.GuestAgent.FileRead', 'VM.GuestAgent.FileWrite', 'VM.GuestAgent.Unrestricted'],
            for: 'changing keys and passwords inside machines, running scripts there, and reading their SSH host keys',
            level: 'warn',
          } as const,
        ]
      : []),
  ];
}

/** The privileges that are missing. A path that is not listed has those of the nearest one above it. */
export function missingRights(permissions: PvePermissions, { path, privileges }: Need): string[] {
  const granted = grantedOn(permissions, path);
  return privileges.filter((privilege) => !granted.has(privilege));
}

function grantedOn(permissions: PvePermissions, path: string): ReadonlySet<string> {
  for (let at = path; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) {
    const granted = permissions.get(at);
    if (granted !== undefined) return granted;
  }
  return permissions.get('/') ?? new Set();
}
