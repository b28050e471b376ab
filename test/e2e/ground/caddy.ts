import { execFileSync } from 'node:child_process';

/** Whether there is a Caddy. Installs it where that is allowed: in CI, as root. */
export function hasCaddy(): boolean {
  const found = (): boolean => {
    try {
      execFileSync('caddy', ['version'], { stdio: 'ignore', timeout: 20_000 });
      return true;
    } catch {
      // Not installed: that is the question.
      return false;
    }
  };
  if (found()) return true;
  if (process.env['CI'] !== 'true' || process.getuid?.() !== 0) return false;
  const options = ['-o', 'DPkg::Lock::Timeout=300', 'install', '-y', '--no-install-recommends', 'caddy'];
  try {
    execFileSync('apt-get', options, { stdio: 'ignore', timeout: 300_000 });
  } catch {
    // A new machine has no package lists.
    execFileSync('apt-get', ['-o', 'DPkg::Lock::Timeout=300', 'update'], { stdio: 'ignore', timeout: 300_000 });
    execFileSync('apt-get', options, { stdio: 'ignore', timeout: 300_000 });
  }
  return found();
}
