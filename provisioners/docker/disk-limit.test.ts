import { expect, test } from 'vitest';
import { noDiskLimit } from './disk-limit.ts';

const info = (Driver: string, filesystem?: string) => ({
  NCPU: 2,
  MemTotal: 1,
  DockerRootDir: '/var/lib/docker',
  Driver,
  DriverStatus: filesystem === undefined ? null : [['Backing Filesystem', filesystem]],
});

const mounts = (...lines: [point: string, options: string][]) =>
  lines.map(([point, options], i) => `${i} 1 8:1 / ${point} rw - xfs /dev/sda rw,${options}`).join('\n');

test.each([
  ['btrfs', info('btrfs'), undefined],
  ['zfs', info('zfs'), undefined],
  ['overlay2 on xfs with quotas', info('overlay2', 'xfs'), mounts(['/', 'noquota'], ['/var/lib/docker', 'prjquota'])],
  ['overlay2 on xfs, alias', info('overlay2', 'xfs'), mounts(['/', 'attr2,pquota'])],
  // The engine refuses if it cannot, and then that is believed.
  ['overlay2 on xfs elsewhere', info('overlay2', 'xfs'), undefined],
])('disks can be limited on %s', (_, engine, mountinfo) => {
  expect(noDiskLimit(engine, mountinfo)).toBeUndefined();
});

test.each([
  ['vfs', info('vfs'), undefined],
  ['overlay2 on ext4', info('overlay2', 'extfs'), undefined],
  ['overlay2 on something unsaid', info('overlay2'), undefined],
  ['overlay2 on xfs without quotas', info('overlay2', 'xfs'), mounts(['/', 'prjquota'], ['/var', 'noquota'])],
  ['a mount that only looks like it', info('overlay2', 'xfs'), mounts(['/', 'noquota'], ['/var/lib/dock', 'prjquota'])],
  ['a mount that was covered by another', info('overlay2', 'xfs'), mounts(['/var', 'prjquota'], ['/var', 'noquota'])],
])('disks cannot be limited on %s, and why is said', (_, engine, mountinfo) => {
  expect(noDiskLimit(engine, mountinfo)).toMatch(/limit/);
});
