import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);

const HCLOUD = '/usr/bin/hcloud';
const PYTHON = '/usr/bin/python3';
const LIBRARY = '/usr/lib/python3/dist-packages/hcloud';

/** Programs of the provider's, as Debian packages them: nobody here wrote a line of them. */
export interface Clients {
  readonly hcloud: string;
  /** A Python that can `import hcloud`. */
  readonly python: string;
}

/** Why there are none: installing packages is for CI, where the machine is thrown away. */
export const WHY_NO_CLIENTS = 'skipped: hcloud-cli and python3-hcloud are installed in CI only, and by root';

export function mayHaveClients(): boolean {
  return areThere() || (process.env.CI === 'true' && process.getuid?.() === 0);
}

/** Installs what is missing. Another apt at work on the same machine is waited for. */
export async function clients(): Promise<Clients> {
  if (!areThere()) {
    const install = ['-o', 'DPkg::Lock::Timeout=300', '-qq', 'install', '-y', '--no-install-recommends'];
    const packages = ['hcloud-cli', 'python3-hcloud'];
    // The lists may be there already, and two updates at once get in each other's way.
    await apt([...install, ...packages]).catch(async () => {
      await apt(['-qq', 'update']);
      await apt([...install, ...packages]);
    });
  }
  return { hcloud: HCLOUD, python: PYTHON };
}

function areThere(): boolean {
  return [HCLOUD, PYTHON, LIBRARY].every((path) => existsSync(path));
}

async function apt(args: readonly string[]): Promise<void> {
  await run('apt-get', [...args], { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, timeout: 240_000 });
}
