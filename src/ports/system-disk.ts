import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { AppendFile, Disk, Release } from './disk.ts';

/** The real disk. Every promise it makes is kept by fdatasync on the file and fsync on its directory. */
export const systemDisk: Disk = {
  async ensureDirectory(path) {
    try {
      await mkdir(path, { recursive: true, mode: 0o700 });
    } catch {
      // Node says ENOENT of a read-only file system when it may make several levels; without that it tells the true reason.
      await mkdir(path, { mode: 0o700 });
    }
  },

  async read(path) {
    try {
      return await readFile(path);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  },

  async list(directory) {
    return (await readdir(directory)).sort();
  },

  async openAppend(path) {
    const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT;
    const handle = await open(path, flags, 0o600);
    await syncDirectory(dirname(path));
    return appendFile(handle);
  },

  async replace(path, bytes) {
    const temporary = `${path}.new`;
    const handle = await open(temporary, 'w', 0o600);
    try {
      await handle.writeFile(bytes);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  },

  async truncate(path, length) {
    const handle = await open(path, 'r+');
    try {
      await handle.truncate(length);
      await handle.datasync();
    } finally {
      await handle.close();
    }
  },

  async remove(path) {
    await rm(path, { force: true });
    await syncDirectory(dirname(path));
  },

  lock: lockFile,
};

function appendFile(handle: FileHandle): AppendFile {
  return {
    async append(bytes) {
      let offset = 0;
      while (offset < bytes.length) {
        const { bytesWritten } = await handle.write(bytes, offset, bytes.length - offset);
        offset += bytesWritten;
      }
    },
    sync: () => handle.datasync(),
    close: () => handle.close(),
  };
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/**
 * flock(2) on a file of its own. Node has no call for it, but a lock taken by a child on an inherited descriptor belongs to the
 * open file, which we keep: it lasts exactly as long as this process, whatever kills it, so a stale lock cannot exist.
 */
async function lockFile(path: string): Promise<Release | undefined> {
  const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  const code = await runFlock(handle.fd).catch(async (cause: unknown) => {
    await handle.close();
    throw new Error('cannot lock the state directory: the program "flock" (package util-linux) could not be run', {
      cause,
    });
  });
  if (code !== 0) {
    await handle.close();
    return undefined;
  }
  await handle.truncate(0);
  await handle.write(`${process.pid}\n`, 0);
  return () => handle.close();
}

function runFlock(descriptor: number): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const child = spawn('flock', ['--exclusive', '--nonblock', '3'], {
      stdio: ['ignore', 'ignore', 'ignore', descriptor],
    });
    child.on('error', reject);
    child.on('exit', resolve);
  });
}
