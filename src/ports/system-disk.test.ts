import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemDisk } from './system-disk.ts';

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dc-disk-'));
  path = join(directory, 'file');
});

afterEach(() => rm(directory, { recursive: true, force: true }));

async function mode(of: string): Promise<number> {
  return (await stat(of)).mode & 0o777;
}

describe('the real disk', () => {
  it('makes directories for their owner only, and leaves those that are there', async () => {
    const deep = join(directory, 'a', 'b');
    await systemDisk.ensureDirectory(deep);
    expect([await mode(join(directory, 'a')), await mode(deep)]).toEqual([0o700, 0o700]);
    await writeFile(join(deep, 'file'), 'x');
    await systemDisk.ensureDirectory(deep);
    expect(await readdir(deep)).toEqual(['file']);
  });

  it('reads a file, tells one that is absent, and says what else is wrong', async () => {
    await writeFile(path, 'text');
    expect(Buffer.from((await systemDisk.read(path)) ?? []).toString()).toBe('text');
    expect(await systemDisk.read(join(directory, 'absent'))).toBeUndefined();
    await expect(systemDisk.read(directory)).rejects.toThrow('EISDIR');
  });

  it('lists names in order', async () => {
    for (const name of ['b', 'c', 'a']) await writeFile(join(directory, name), '');
    expect(await systemDisk.list(directory)).toEqual(['a', 'b', 'c']);
  });

  it('appends to what is there, for the owner only', async () => {
    const first = await systemDisk.openAppend(path);
    await first.append(Buffer.from('one '));
    await first.append(Buffer.from('two '));
    await first.sync();
    await first.close();
    const second = await systemDisk.openAppend(path);
    const large = Buffer.alloc(3_000_000, 'x');
    await second.append(large);
    await second.close();
    expect(await readFile(path, 'utf8')).toBe(`one two ${large.toString()}`);
    expect(await mode(path)).toBe(0o600);
  });

  it('replaces a whole file, for the owner only, and leaves nothing beside it', async () => {
    await systemDisk.replace(path, Buffer.from('a long first text'));
    await systemDisk.replace(path, Buffer.from('short'));
    expect(await readFile(path, 'utf8')).toBe('short');
    expect([await mode(path), await readdir(directory)]).toEqual([0o600, ['file']]);
  });

  it('keeps the old file when it cannot be replaced', async () => {
    await systemDisk.replace(path, Buffer.from('old'));
    await mkdir(`${path}.new`);
    await expect(systemDisk.replace(path, Buffer.from('new'))).rejects.toThrow('EISDIR');
    expect(await readFile(path, 'utf8')).toBe('old');
  });

  it('cuts a file, and says when there is none', async () => {
    await writeFile(path, '0123456789');
    await systemDisk.truncate(path, 4);
    expect(await readFile(path, 'utf8')).toBe('0123');
    await expect(systemDisk.truncate(join(directory, 'absent'), 0)).rejects.toThrow('ENOENT');
  });

  it('removes a file, also one that is absent', async () => {
    await writeFile(path, '');
    await systemDisk.remove(path);
    await systemDisk.remove(path);
    expect(await readdir(directory)).toEqual([]);
  });
});

describe('the lock on the real disk', () => {
  it('is held by one only, names its holder, and can be had again', async () => {
    const release = await systemDisk.lock(path);
    expect(await readFile(path, 'utf8')).toBe(`${process.pid}\n`);
    expect(await systemDisk.lock(path)).toBeUndefined();
    expect(await readFile(path, 'utf8')).toBe(`${process.pid}\n`);
    await release?.();
    const again = await systemDisk.lock(path);
    expect(again).toBeDefined();
    await again?.();
  });

  it('is not taken over from a file that an earlier process left', async () => {
    await writeFile(path, '99999999999\nand more\n');
    const release = await systemDisk.lock(path);
    expect(await readFile(path, 'utf8')).toBe(`${process.pid}\n`);
    expect(await mode(path)).toBe(0o644 & ~process.umask());
    await release?.();
  });

  it('says what is missing when it cannot be taken', async () => {
    const before = process.env['PATH'];
    process.env['PATH'] = directory;
    try {
      await expect(systemDisk.lock(path)).rejects.toThrow('"flock" (package util-linux) could not be run');
    } finally {
      process.env['PATH'] = before;
    }
  });
});
