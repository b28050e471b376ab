import type { EngineInfo } from './wire.ts';

/**
 * Why this engine cannot limit a machine's disk; undefined when it can. overlay2 can only on XFS mounted with project quotas,
 * which the engine does not tell: `mountinfo` (the text of /proc/self/mountinfo, when the engine is local) shows it.
 */
export function noDiskLimit(info: EngineInfo, mountinfo: string | undefined): string | undefined {
  if (info.Driver === 'btrfs' || info.Driver === 'zfs' || info.Driver === 'devicemapper') return undefined;
  if (info.Driver !== 'overlay2')
    return `Docker's storage driver '${info.Driver}' cannot limit the size of one machine's disk`;
  const filesystem = info.DriverStatus?.find(([name]) => name === 'Backing Filesystem')?.[1] ?? 'unknown';
  if (filesystem !== 'xfs') {
    return `Docker's overlay2 can limit a machine's disk only on XFS with project quotas, its data lies on ${filesystem}`;
  }
  if (mountinfo === undefined) return undefined;
  return hasProjectQuota(mountinfo, info.DockerRootDir)
    ? undefined
    : "Docker's data lies on XFS without project quotas: mount it with 'pquota' to limit machines' disks";
}

/** Fields of a mountinfo line: … mount point (5th), …, a dash, type, source, options of the file system. See proc(5). */
function hasProjectQuota(mountinfo: string, directory: string): boolean {
  let best = { point: '', options: '' };
  for (const line of mountinfo.split('\n')) {
    const [mount = '', filesystem = ''] = line.split(' - ');
    const point = mount.split(' ')[4] ?? '';
    const inside = directory === point || directory.startsWith(point === '/' ? '/' : `${point}/`);
    // Later lines cover earlier ones with the same mount point.
    if (point !== '' && inside && point.length >= best.point.length) {
      best = { point, options: filesystem.split(' ')[2] ?? '' };
    }
  }
  return /(?:^|,)(?:prjquota|pquota)(?:,|$)/.test(best.options);
}
