import { chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { changeableByOthers } from './netd-trust.ts';

const user = process.getuid?.() ?? 0;
let home: string;
let file: string;

beforeEach(async () => {
  home = await realpath(await mkdtemp(join(tmpdir(), 'dc-trust-')));
  await mkdir(join(home, 'etc'));
  file = join(home, 'etc/agent.toml');
  await writeFile(file, '', { mode: 0o640 });
});
afterEach(() => rm(home, { recursive: true, force: true }));

const found = (path = file): Promise<string | undefined> => changeableByOthers(path, user);

test('a file that only its owner can change, in a folder of the same kind, is one to go by, also below /tmp', async () => {
  expect(await found()).toBeUndefined();
});

test.each([
  ['the file, by its group', 'etc/agent.toml', 0o660],
  ['the file, by everybody', 'etc/agent.toml', 0o602],
  ['its folder, where it could be replaced', 'etc', 0o770],
  ['a folder further up, where its folder could be', '.', 0o707],
])('%s', async (_, path, mode) => {
  await chmod(join(home, path), mode);
  expect(await found()).toBe(join(home, path));
});

test('a link is followed, and what it leads to is looked at with everything on the way there', async () => {
  const [link, open] = [join(home, 'etc/link.toml'), join(home, 'open')];
  await symlink('agent.toml', link);
  expect(await found(link)).toBeUndefined();
  await mkdir(open, { mode: 0o777 });
  await chmod(open, 0o777);
  await writeFile(join(open, 'agent.toml'), '', { mode: 0o640 });
  await symlink(open, join(home, 'aside'));
  expect(await found(join(home, 'aside/agent.toml'))).toBe(open);
  // Over a link in a folder that others write, back to a file that they do not: the link could be turned elsewhere.
  await symlink(file, join(open, 'back.toml'));
  expect(await found(join(open, 'back.toml'))).toBe(open);
  await symlink(join(open, 'back.toml'), join(home, 'etc/through.toml'));
  expect(await found(join(home, 'etc/through.toml'))).toBe(open);
});

test('in a folder like /tmp others can add files and not replace ours', async () => {
  await chmod(join(home, 'etc'), 0o1777);
  expect(await found()).toBeUndefined();
});

test('links in a circle, and what is not there, are no files', async () => {
  const [one, other] = [join(home, 'one'), join(home, 'other')];
  await symlink(other, one);
  await symlink(one, other);
  expect(await found(one)).toMatch(/\/(one|other)$/);
  await expect(found(join(home, 'none/agent.toml'))).rejects.toMatchObject({ code: 'ENOENT' });
});

test.runIf(user === 0)('what belongs to somebody else is his to change, a link of his too', async () => {
  const { chown, lchown } = await import('node:fs/promises');
  await chown(file, 65_534, 0);
  expect(await changeableByOthers(file)).toBe(file);
  await chown(file, 0, 0);
  const link = join(home, 'etc/link.toml');
  await symlink(file, link);
  await lchown(link, 65_534, 0);
  expect(await changeableByOthers(link)).toBe(link);
  await chown(join(home, 'etc'), 65_534, 0);
  expect(await changeableByOthers(file)).toBe(join(home, 'etc'));
});
