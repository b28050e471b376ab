import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { buildInto, ROOT, run } from './run.ts';

interface Packed {
  readonly files: readonly { readonly path: string; readonly mode: number }[];
}

test('the package holds the program, its unit, its example and its papers, and nothing else', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'dc-pack-'));
  try {
    const { files } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { files: string[] };
    for (const file of ['package.json', ...files.filter((entry) => entry !== 'dist')]) {
      await cp(join(ROOT, file), join(directory, file), { recursive: true });
    }
    await buildInto(join(directory, 'dist/main.js'));
    const { code, stdout, stderr } = await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: directory,
    });
    expect(code, stderr).toBe(0);
    const [packed] = JSON.parse(stdout) as Packed[];
    expect(packed?.files.map(({ path }) => path).sort()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'config.example.toml',
      'dist/THIRD-PARTY-LICENSES.txt',
      'dist/main.js',
      'package.json',
      'systemd/dc-agent-caddy.service',
      'systemd/dc-agent-netd.service',
      'systemd/dc-agent-netd.socket',
      'systemd/dc-agent.service',
      'systemd/dc-agent.sysusers',
      'systemd/dc-agent.tmpfiles',
    ]);
    expect(packed?.files.find(({ path }) => path === 'dist/main.js')?.mode).toBe(0o755);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
