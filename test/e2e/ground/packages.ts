import { run } from '../../packaging/run.ts';

/** Installs Debian packages on this host; for CI, which may. */
export async function installPackages(...names: readonly string[]): Promise<void> {
  const install = ['-o', 'DPkg::Lock::Timeout=300', '-qq', 'install', '-y', '--no-install-recommends', ...names];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const first = await run('apt-get', install, { env });
  if (first.code === 0) return;
  // A new machine has no package lists.
  await run('apt-get', ['-o', 'DPkg::Lock::Timeout=300', '-qq', 'update'], { env });
  const second = await run('apt-get', install, { env });
  if (second.code !== 0) throw new Error(`${names.join(', ')} could not be installed: ${second.stderr}`);
}
