import type { Guest } from '../state.ts';
import { diskOf } from './status.ts';

const NAMES = [
  'ping',
  'info',
  'exec',
  'exec-status',
  'file-open',
  'file-close',
  'file-read',
  'file-write',
  'fsfreeze-status',
  'fsfreeze-freeze',
  'fsfreeze-thaw',
  'get-fsinfo',
  'get-host-name',
  'get-osinfo',
  'network-get-interfaces',
  'set-user-password',
  'shutdown',
];

export const AGENT_COMMANDS = NAMES.map((name) => ({
  name: `guest-${name}`,
  enabled: true,
  'success-response': name !== 'shutdown',
}));

export const OS_INFO = {
  id: 'debian',
  name: 'Debian GNU/Linux',
  'pretty-name': 'Debian GNU/Linux 13 (trixie)',
  version: '13 (trixie)',
  'version-id': '13',
  machine: 'x86_64',
  'kernel-release': '6.12.0-amd64',
  'kernel-version': '#1 SMP PREEMPT_DYNAMIC (simulated)',
} as const;

/** One file system, which takes almost the whole disk. */
export function fsInfo(guest: Guest): unknown[] {
  const bytes = diskOf(guest.config);
  return [
    {
      name: 'sda1',
      type: 'ext4',
      mountpoint: '/',
      'total-bytes': Math.floor(bytes * 0.92),
      'total-bytes-privileged': Math.floor(bytes * 0.97),
      'used-bytes': Math.min(494_350_336, Math.floor(bytes / 2)),
      disk: [{ dev: '/dev/sda1', 'bus-type': 'scsi', bus: 0, target: 0, unit: 0 }],
    },
  ];
}
