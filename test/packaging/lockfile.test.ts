import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Ended, ROOT, run } from './run.ts';

interface LockEntry {
  readonly version?: string;
  readonly resolved?: string;
  readonly optional?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/**
 * npm writes only the optional packages of the machine that it runs on into a lockfile that it makes beside an existing
 * node_modules. `npm ci` elsewhere then installs a formatter, a linter and a bundler without their binaries, and says nothing.
 */
test('the lockfile has the optional packages of every machine', async () => {
  const { packages } = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, LockEntry>;
  };
  const wanted = Object.entries(packages).flatMap(([path, entry]) =>
    Object.entries(entry.optionalDependencies ?? {}).map(([name, version]) => ({ path, name, version })),
  );
  const missing = wanted.filter(
    ({ path, name }) =>
      packages[`node_modules/${name}`] === undefined && packages[`${path}/node_modules/${name}`] === undefined,
  );
  expect(missing).toEqual([]);
  const exact = wanted.filter(({ version }) => /^\d/.test(version));
  expect(exact.length).toBeGreaterThan(50);
  for (const { name, version } of exact)
    expect(`${name} ${packages[`node_modules/${name}`]?.version}`).toBe(`${name} ${version}`);
});

test('the lockfile names no registry', async () => {
  const { packages } = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, LockEntry>;
  };
  expect(Object.entries(packages).filter(([, entry]) => entry.resolved !== undefined)).toEqual([]);
});

describe('the checks of an installation', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'dc-lock-'));
    await mkdir(join(directory, 'node_modules'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  function script(name: string): Promise<Ended> {
    return run(process.execPath, [join(ROOT, 'scripts', name), directory]);
  }
  function write(file: string, value: object): Promise<void> {
    return writeFile(join(directory, file), JSON.stringify(value));
  }
  const lock = (packages: object): object => ({ packages: { '': {}, ...packages } });

  test('a package that refuses our oldest Node is named', async () => {
    await write('package.json', { engines: { node: '>=20.19' } });
    const modern = { version: '3.0.0', engines: { node: '>=22' } };
    await write('package-lock.json', lock({ 'node_modules/@a/b': modern, 'node_modules/c': { version: '1.0.0' } }));
    const { code, stderr } = await script('check-engines.mjs');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: '@a/b 3.0.0 wants >=22\n1 packages do not admit Node 20.19.0\n',
    });
  });

  test('packages that admit it pass', async () => {
    await write('package.json', { engines: { node: '>=20.19' } });
    await write(
      'package-lock.json',
      lock({ 'node_modules/c': { version: '1.0.0', engines: { node: '^20.17 || >=22' } } }),
    );
    expect(await script('check-engines.mjs')).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  test('a checkout without packages must be installed', async () => {
    await write('package-lock.json', lock({}));
    expect(await script('check-install.mjs')).toMatchObject({ code: 1, stdout: 'nothing is installed\n' });
  });

  test('an installation of another version must be installed anew', async () => {
    await write('package-lock.json', lock({ 'node_modules/c': { version: '1.0.1' } }));
    await write('node_modules/.package-lock.json', lock({ 'node_modules/c': { version: '1.0.0' } }));
    const { code, stdout } = await script('check-install.mjs');
    expect({ code, stdout }).toEqual({ code: 1, stdout: 'node_modules/c is not the one of package-lock.json\n' });
  });

  test('optional packages of other machines may be absent', async () => {
    await write('package-lock.json', lock({ 'node_modules/c-win': { version: '1.0.1', optional: true } }));
    await write('node_modules/.package-lock.json', lock({}));
    expect(await script('check-install.mjs')).toEqual({ code: 0, stdout: '', stderr: '' });
  });
});
