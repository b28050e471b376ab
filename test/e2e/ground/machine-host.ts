import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildInto, ROOT } from '../../packaging/run.ts';
import { bootMachine, type Machine } from './machine.ts';
import { BACKEND } from './machine-backend.ts';

/**
 * A provider's host that systemd has booted, with this version of the agent installed as its package has it, the Node that runs
 * the test, further programs of this host, and a backend of one script whose machines are processes: `/opt/backend` under every key of a script target.
 */
export async function bootHost(more: Readonly<Record<string, string>> = {}): Promise<Machine> {
  const home = await mkdtemp(join(tmpdir(), 'dc-host-'));
  const clear = (): Promise<void> => rm(home, { recursive: true, force: true });
  try {
    await mkdir(join(home, 'package'));
    await buildInto(join(home, 'package/dist/main.js'));
    await cp(join(ROOT, 'systemd'), join(home, 'package/systemd'), { recursive: true });
    await writeFile(join(home, 'backend'), BACKEND, { mode: 0o755 });
    const machine = await bootMachine({
      hostname: 'provider',
      binds: {
        [process.execPath]: '/usr/local/bin/node',
        [join(home, 'package')]: '/usr/local/lib/dc-agent',
        [join(home, 'backend')]: '/opt/backend',
        ...more,
      },
    });
    await machine.run('ln', '-s', '/usr/local/lib/dc-agent/dist/main.js', '/usr/local/bin/dc-agent');
    const remove = async (): Promise<void> => {
      await machine.remove();
      await clear();
    };
    return { ...machine, remove };
  } catch (error) {
    await clear();
    throw error;
  }
}
