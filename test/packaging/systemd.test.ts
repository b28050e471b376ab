import { spawnSync } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EXIT } from '../../src/cli/exit.ts';
import { renderDropIn } from '../../src/cli/setup/service/drop-in.ts';
import { buildInto, ROOT, run } from './run.ts';

const UNIT = join(ROOT, 'systemd/dc-agent.service');

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dc-systemd-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

function missing(program: string): boolean {
  return spawnSync(program, ['--version']).error !== undefined;
}

/** The unit as systemd reads it, with a program that exists on this machine in place of the installed one. */
async function unitWithProgram(): Promise<string> {
  const program = join(directory, 'dc-agent');
  await writeFile(program, '#!/bin/sh\n');
  await chmod(program, 0o755);
  const text = await readFile(UNIT, 'utf8');
  const unit = join(directory, 'dc-agent.service');
  await writeFile(unit, text.replaceAll('/usr/local/bin/dc-agent', program));
  return unit;
}

describe.skipIf(missing('systemd-analyze'))('the unit (needs systemd-analyze)', () => {
  test('systemd understands every line', async () => {
    // An unknown key is only a word on stderr: the exit code stays 0.
    expect(await run('systemd-analyze', ['verify', await unitWithProgram()])).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
  });

  test.each(['plain', 'two words', '50%n', '$HOME', 'a;b'])(
    'a drop-in finds the program in a folder called %s, and systemd understands every line of it',
    async (name) => {
      const folder = join(directory, name);
      await mkdir(join(folder, 'dc-agent.service.d'), { recursive: true });
      await copyFile(await unitWithProgram(), join(folder, 'dc-agent.service'));
      // systemd looks whether the program can be run: a name that it reads in another way is a complaint.
      const node = join(folder, 'node');
      await copyFile(join(directory, 'dc-agent'), node);
      const dropIn = renderDropIn({
        program: { node, file: join(folder, 'dc agent.js') },
        config: join(folder, 'dc-agent.toml'),
        credentials: [{ name: 'agent.key', file: join(folder, 'agent.key') }],
        groups: ['root'],
        stateDir: join(folder, 'state'),
      });
      await writeFile(join(folder, 'dc-agent.service.d/10-setup.conf'), dropIn);
      expect(await run('systemd-analyze', ['verify', './dc-agent.service'], { cwd: folder })).toEqual({
        code: 0,
        stdout: '',
        stderr: '',
      });
    },
  );

  test('systemd calls its exposure at most 2.0 of 10', async () => {
    const args = ['security', '--offline=true', '--no-pager', '--threshold=20', await unitWithProgram()];
    const { code, stdout } = await run('systemd-analyze', args);
    expect(code, stdout).toBe(0);
  });
});

describe.skipIf(missing('systemd-analyze'))('the unit of the gateway’s Caddy (needs systemd-analyze)', () => {
  const withCaddy = async (): Promise<string> => {
    const program = join(directory, 'caddy');
    await writeFile(program, '#!/bin/sh\n');
    await chmod(program, 0o755);
    const unit = join(directory, 'dc-agent-caddy.service');
    const text = await readFile(join(ROOT, 'systemd/dc-agent-caddy.service'), 'utf8');
    await writeFile(unit, text.replaceAll('/usr/bin/caddy', program));
    return unit;
  };

  test('systemd understands every line', async () => {
    expect(await run('systemd-analyze', ['verify', await withCaddy()])).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  test('systemd calls its exposure at most 2.5 of 10, since it speaks to the whole internet', async () => {
    const args = ['security', '--offline=true', '--no-pager', '--threshold=25', await withCaddy()];
    const { code, stdout } = await run('systemd-analyze', args);
    expect(code, stdout).toBe(0);
  });
});

test('systemd does not restart an agent whose configuration is wrong', async () => {
  expect(await readFile(UNIT, 'utf8')).toMatch(new RegExp(`^RestartPreventExitStatus=${EXIT.config}$`, 'm'));
});

test('the command of the unit is one that the program knows', async () => {
  const [, program, options] = /^ExecStart=(\S+) (.+)$/m.exec(await readFile(UNIT, 'utf8')) ?? [];
  const built = join(directory, 'built/main.js');
  await buildInto(built);
  const { code, stdout } = await run(process.execPath, [built, ...(options ?? '').split(' '), '--help']);
  expect({ program, code, usage: stdout.split('\n')[0] }).toEqual({
    program: '/usr/local/bin/dc-agent',
    code: 0,
    usage: 'Usage: dc-agent run [options]',
  });
});

/** Files can be given to other users by root alone. */
const unprivileged = process.getuid?.() !== 0;

describe.skipIf(unprivileged || missing('systemd-sysusers') || missing('systemd-tmpfiles'))(
  'user and files (needs root)',
  () => {
    test('the user is made, and what setup wrote as root becomes readable for it and nobody else', async () => {
      const root = join(directory, 'root');
      for (const folder of ['etc/dc-agent', 'usr/lib/sysusers.d', 'usr/lib/tmpfiles.d']) {
        await mkdir(join(root, folder), { recursive: true });
      }
      await copyFile(join(ROOT, 'systemd/dc-agent.sysusers'), join(root, 'usr/lib/sysusers.d/dc-agent.conf'));
      await copyFile(join(ROOT, 'systemd/dc-agent.tmpfiles'), join(root, 'usr/lib/tmpfiles.d/dc-agent.conf'));
      await writeFile(join(root, 'etc/dc-agent/dc-agent.toml'), '', { mode: 0o600 });
      await writeFile(join(root, 'etc/dc-agent/agent.key'), '', { mode: 0o600 });

      expect((await run('systemd-sysusers', [`--root=${root}`, 'dc-agent.conf'])).code).toBe(0);
      const made = await run('systemd-tmpfiles', [`--root=${root}`, '--create', 'dc-agent.conf']);
      expect(made).toEqual({ code: 0, stdout: '', stderr: '' });

      const [, user, group] =
        /^dc-agent:[^:]*:(\d+):(\d+):/m.exec(await readFile(join(root, 'etc/passwd'), 'utf8')) ?? [];
      const shown = async (path: string): Promise<string> => {
        const { mode, uid, gid } = await stat(join(root, path));
        return `${(mode & 0o777).toString(8)} ${uid}:${gid}`;
      };
      expect(await shown('etc/dc-agent')).toBe(`750 0:${group}`);
      expect(await shown('etc/dc-agent/dc-agent.toml')).toBe(`640 0:${group}`);
      expect(await shown('etc/dc-agent/agent.key')).toBe(`600 ${user}:${group}`);
    });
  },
);
