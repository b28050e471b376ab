import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildInto, type Ended, ROOT, run } from './run.ts';

let directory: string;
let built: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dc-bundle-'));
  built = join(directory, 'dist/main.js');
  await buildInto(built);
});

afterAll(() => rm(directory, { recursive: true, force: true }));

/** An environment with a path and nothing else, as from a cron job. `env`, which the first line names, needs to find Node. */
const BARE = { PATH: [dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter) };

async function emptyDirectory(name: string): Promise<string> {
  const path = join(directory, name);
  await mkdir(path);
  return path;
}

/** The built file alone in a directory, started as a program. */
async function alone(name: string, args: readonly string[]): Promise<Ended> {
  const cwd = await emptyDirectory(name);
  await copyFile(built, join(cwd, 'dc-agent'));
  return run(join(cwd, 'dc-agent'), args, { cwd, env: BARE });
}

describe('the one file', () => {
  test('says its version, without node_modules and without an environment', async () => {
    const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    expect(await alone('version', ['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  test('helps', async () => {
    const { code, stdout } = await alone('help', ['--help']);
    expect({ code, firstWords: stdout.slice(0, 15) }).toEqual({ code: 0, firstWords: 'Usage: dc-agent' });
  });

  test('refuses the example configuration until the placeholder is filled in, then accepts it', async () => {
    const cwd = await emptyDirectory('config');
    await copyFile(built, join(cwd, 'main.js'));
    const check = async (text: string): Promise<Ended> => {
      await writeFile(join(cwd, 'dc-agent.toml'), text, { mode: 0o600 });
      return run(join(cwd, 'main.js'), ['--config', 'dc-agent.toml', 'config', 'check'], { cwd, env: BARE });
    };
    const example = await readFile(join(ROOT, 'config.example.toml'), 'utf8');
    const untouched = await check(example);
    expect(untouched.code).toBe(78);
    expect(untouched.stdout + untouched.stderr).toContain('provider_pubkey');
    const key = join(cwd, 'agent.key');
    await writeFile(key, '11'.repeat(32), { mode: 0o600 });
    const filled = example
      .replace(/^provider_pubkey = .*$/m, `provider_pubkey = "${'22'.repeat(32)}"`)
      .replace(/^agent_secret_key = .*$/m, `agent_secret_key = "${key}"`);
    expect(await check(filled)).toMatchObject({ code: 0 });
  });

  test('runs through a symbolic link, and inside a package of ES modules', async () => {
    const cwd = await emptyDirectory('package');
    await writeFile(join(cwd, 'package.json'), '{"type":"module"}');
    await copyFile(built, join(cwd, 'main.js'));
    await symlink('main.js', join(cwd, 'linked'));
    const { code, stdout } = await run(process.execPath, ['linked', 'config', 'schema'], { cwd, env: BARE });
    expect({ code, title: typeof JSON.parse(stdout) }).toEqual({ code: 0, title: 'object' });
  });

  test('is executable, and begins with the line that finds Node', async () => {
    expect((await stat(built)).mode & 0o777).toBe(0o755);
    expect((await readFile(built, 'latin1')).slice(0, 20)).toBe('#!/usr/bin/env node\n');
  });

  test('leaves nothing unfinished beside it', async () => {
    expect((await readdir(dirname(built))).sort()).toEqual(['THIRD-PARTY-LICENSES.txt', 'main.js']);
  });

  test('names every bundled package with its license', async () => {
    const text = await readFile(join(dirname(built), 'THIRD-PARTY-LICENSES.txt'), 'utf8');
    const { dependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const bundle = await readFile(built, 'latin1');
    const used = Object.keys(dependencies).filter((name) => bundle.includes(`// node_modules/${name}/`));
    expect(used).toContain('undici');
    for (const name of used) expect(text).toContain(`\n${name} ${dependencies[name]} (`);
    expect(text).not.toMatch(/GNU (AFFERO |LESSER )?GENERAL PUBLIC LICENSE/);
  });

  test('tells an old Node what it needs', async () => {
    const cwd = await emptyDirectory('old');
    const text = await readFile(built, 'latin1');
    await writeFile(join(cwd, 'main.js'), text.replace("const floor = '20.19.0'", "const floor = '99.1.0'"), 'latin1');
    const { code, stdout, stderr } = await run(process.execPath, ['main.js', '--version'], { cwd, env: BARE });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('dc-agent needs Node 99.1.0 or newer, and of 22 at least 22.2; this is Node ');
  });
});

describe('what the build makes of a program', () => {
  async function buildAndRun(name: string, program: string): Promise<Ended & { readonly lines: readonly string[] }> {
    const cwd = await emptyDirectory(name);
    await writeFile(join(cwd, 'entry.ts'), program);
    await buildInto(join(cwd, 'main.js'), join(cwd, 'entry.ts'));
    const ended = await run(process.execPath, ['main.js'], { cwd });
    return { ...ended, lines: (await readFile(join(cwd, 'main.js'), 'latin1')).split('\n') };
  }

  test('an uncaught error names the line of the file and shows it', async () => {
    const { code, stderr, lines } = await buildAndRun(
      'throws',
      `await Promise.resolve();\nfunction fail(): never { throw new Error('on purpose'); }\nfail();`,
    );
    expect(code).toBe(1);
    const line = Number(/main\.js:(\d+)/.exec(stderr)?.[1]);
    expect(lines[line - 1]).toContain('on purpose');
  });

  test('a program that waits for nothing that could happen does not end as if all were well', async () => {
    const { code, stderr } = await buildAndRun('hangs', 'await new Promise(() => {});\nexport {};');
    expect(code).toBe(13);
    expect(stderr).toContain('fault of the program');
  });

  test('comment ends and letters beyond ASCII come through', async () => {
    const { stdout } = await buildAndRun('text', `// ö in a comment\nconsole.log('/* é */', /.*/.test('x'));`);
    expect(stdout).toBe('/* é */ true\n');
  });

  test('a fault in the sources fails the build and leaves the old file', async () => {
    const cwd = await emptyDirectory('fault');
    await writeFile(join(cwd, 'entry.ts'), `import './missing.ts';`);
    await writeFile(join(cwd, 'main.js'), 'the old one');
    await expect(buildInto(join(cwd, 'main.js'), join(cwd, 'entry.ts'))).rejects.toThrow('missing.ts');
    expect(await readFile(join(cwd, 'main.js'), 'utf8')).toBe('the old one');
  });
});
