import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);

const PYTHON = '/usr/bin/python3';
const LIBRARY = '/usr/lib/python3/dist-packages/libcloud';

/** Why there is none: installing packages is for CI, where the machine is thrown away. */
export const WHY_NO_CLIENT = 'skipped: python3-libcloud is installed in CI only, and by root';

export function mayHaveClient(): boolean {
  return isThere() || (process.env.CI === 'true' && process.getuid?.() === 0);
}

/** A Python that can `import libcloud`, whose driver for Vultr nobody here wrote. Another apt at work is waited for. */
export async function client(): Promise<string> {
  if (!isThere()) {
    const install = ['-o', 'DPkg::Lock::Timeout=300', '-qq', 'install', '-y', '--no-install-recommends'];
    // The lists may be there already, and two updates at once get in each other's way.
    await apt([...install, 'python3-libcloud']).catch(async () => {
      await apt(['-qq', 'update']);
      await apt([...install, 'python3-libcloud']);
    });
  }
  return PYTHON;
}

function isThere(): boolean {
  return [PYTHON, LIBRARY].every((path) => existsSync(path));
}

async function apt(args: readonly string[]): Promise<void> {
  await run('apt-get', [...args], { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, timeout: 240_000 });
}
