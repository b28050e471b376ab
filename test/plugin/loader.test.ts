import { chmod, chown, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadPlugins } from '../../src/cli/plugins/load.ts';
import { type Prefix, preparePrefix } from './prefix.ts';

const isRoot = process.getuid?.() === 0;

/** A plugin of one file that needs no package but zod, which a plugin may bundle. */
const source = (given: string): string => `
  import { z } from 'zod';
  export const plugin = { type: 'acme', apiVersion: 1, settings: z.strictObject({ token: z.string() }), open() {}, ${given} };
`;

let prefix: Prefix;
beforeAll(async () => {
  prefix = await preparePrefix();
});
afterAll(() => prefix.remove());

/** Why the plugin is refused, or "loaded". */
async function verdict(type: string, directory = prefix.directory): Promise<string> {
  const { plugins, refused } = await loadPlugins([type], directory);
  expect(plugins.size + refused.size).toBe(1);
  return refused.get(type) ?? `loaded: ${plugins.get(type)?.type}`;
}

describe('a plugin from a package', () => {
  test.each([
    ['a main file', { type: 'module', main: 'plugin.js' }],
    ['one export', { type: 'module', exports: './plugin.js' }],
    ['conditions', { type: 'module', exports: { types: './x.d.ts', import: './plugin.js' } }],
    ['conditions of the root', { type: 'module', exports: { '.': { node: { import: './plugin.js' } } } }],
  ])('is found by %s', async (what, manifest) => {
    const name = `by-${what.replaceAll(' ', '-')}`;
    await prefix.add(name, manifest, { 'plugin.js': source('') });
    expect(await verdict(`npm:${name}`)).toBe('loaded: acme');
  });

  test('may have a scope', async () => {
    await prefix.add('@acme/plugin', { type: 'module', exports: './plugin.js' }, { 'plugin.js': source('') });
    expect(await verdict('npm:@acme/plugin')).toBe('loaded: acme');
  });

  test('that is not installed is not fetched: how to install it is said', async () => {
    expect(await verdict('npm:nobody-has-this')).toBe(
      `is not installed; packages are installed by hand: npm install --ignore-scripts --prefix ${prefix.directory} nobody-has-this`,
    );
    expect(await verdict('npm:nobody-has-this', '/nonexistent')).toContain('there is no directory /nonexistent');
  });

  test.each(['npm:../zod', 'npm:zod/v4', 'npm:', 'npm:/etc', 'npm:https://example.org/x.tgz', 'npm:Zod'])(
    '%s names none',
    async (type) => {
      expect(await verdict(type)).toContain('is no name of a package');
    },
  );

  test('is refused when it leads out of the plugins directory', async () => {
    await prefix.add('outward', { type: 'module', main: '../../../../../../etc/hostname' }, {});
    expect(await verdict('npm:outward')).toContain('has no entry point');
  });
});

describe('what is loaded', () => {
  test.each([
    [
      'another version of the API',
      'apiVersion: 2',
      'written for version 2 of the plugin API, and this agent has version 1',
    ],
    ['no version', 'apiVersion: undefined', 'written for no version'],
    ['no type', 'type: 7', 'its "type" is not a name'],
    ['nothing to open', 'open: "yes"', 'it has no "open"'],
    ['settings of something else', 'settings: { safeParse() {} }', 'its "settings" are no schema of zod 4'],
  ])('with %s is no plugin', async (_what, given, why) => {
    const name = `bad-${_what.replaceAll(/\W/g, '-')}`;
    await prefix.add(name.toLowerCase(), { type: 'module', main: 'plugin.js' }, { 'plugin.js': source(given) });
    expect(await verdict(`npm:${name.toLowerCase()}`)).toContain(why);
  });

  test('without an export of that name is no plugin', async () => {
    await prefix.add('silent', { type: 'module', main: 'plugin.js' }, { 'plugin.js': 'export const other = 1;' });
    expect(await verdict('npm:silent')).toContain('it has no export named "plugin"');
  });

  test('and throws is refused with what it said, and the next one is loaded all the same', async () => {
    await prefix.add(
      'throws',
      { type: 'module', main: 'plugin.js' },
      { 'plugin.js': 'throw new Error("no such day");' },
    );
    const { plugins, refused } = await loadPlugins(['npm:throws', 'npm:dc-agent-plugin-shelf'], prefix.directory);
    expect(refused.get('npm:throws')).toBe('cannot be loaded: no such day');
    expect([...plugins.keys()]).toEqual(['npm:dc-agent-plugin-shelf']);
  });
});

describe('a plugin from a file', () => {
  let folder: string;
  let file: string;
  beforeEach(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'dc-file-')));
    await mkdir(join(folder, 'own'));
    file = join(folder, 'own', 'plugin.mjs');
    // What it exports is no matter here: it is judged before it is read.
    await writeFile(file, 'export const plugin = 1;');
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** How the file is judged once it is read. */
  const READ = 'is no plugin: it has no export named "plugin"';

  test('is read when only we or root can change it', async () => {
    expect(await verdict(`file:${file}`)).toBe(READ);
  });

  test.each([
    ['its group', 0o664],
    ['others', 0o646],
  ])('is not read when %s may write it', async (_who, mode) => {
    await chmod(file, mode);
    expect(await verdict(`file:${file}`)).toContain(`${file} may be changed by its group or by others`);
  });

  test.each(['own', '.'])('is not read when its directory %s may be changed by others', async (name) => {
    await chmod(join(folder, name), 0o777);
    expect(await verdict(`file:${file}`)).toContain(`${join(folder, name)} may be changed`);
  });

  test('is read where others may add to a directory above and nobody may remove what is not his', async () => {
    await chmod(folder, 0o1777);
    expect(await verdict(`file:${file}`)).toBe(READ);
    await chmod(join(folder, 'own'), 0o1777);
    expect(await verdict(`file:${file}`)).toContain(`${join(folder, 'own')} may be changed`);
  });

  test('is not read when others may write what lies beside it and could be imported', async () => {
    await mkdir(join(folder, 'own', 'lib'));
    await writeFile(join(folder, 'own', 'lib', 'part.mjs'), '');
    await chmod(join(folder, 'own', 'lib', 'part.mjs'), 0o666);
    expect(await verdict(`file:${file}`)).toContain('part.mjs may be changed');
  });

  test('is judged by where a link leads, and nothing beside it may lead elsewhere', async () => {
    const link = join(folder, 'linked.mjs');
    await symlink(file, link);
    expect(await verdict(`file:${link}`)).toBe(READ);
    await symlink('/etc/hostname', join(folder, 'own', 'elsewhere'));
    expect(await verdict(`file:${link}`)).toContain('leads out of');
  });

  test.skipIf(!isRoot)('is not read when it, or a directory of it, belongs to somebody else', async () => {
    for (const path of [file, join(folder, 'own'), folder]) {
      await chown(path, 65_534, 0);
      expect(await verdict(`file:${file}`)).toContain(`${path} belongs to user 65534`);
      await chown(path, 0, 0);
    }
  });

  test('must be one, at an absolute path', async () => {
    expect(await verdict('file:plugin.mjs')).toContain('expected file:/absolute/path');
    expect(await verdict(`file:${join(folder, 'none.mjs')}`)).toContain('there is no file');
    expect(await verdict(`file:${folder}`)).toContain('must name a file');
  });
});
