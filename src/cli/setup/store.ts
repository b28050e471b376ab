import { constants } from 'node:fs';
import { access, copyFile, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Failure } from '../failure.ts';

/** A place for the configuration that has proved to be writable before anything irrevocable happens. */
export interface PreparedFile {
  /** Puts the text in place, whole or not at all, mode 0600. Returns where the replaced file is kept now. */
  commit(text: string): Promise<{ backup?: string }>;
  /** Removes what `prepareFile` made. */
  abandon(): Promise<void>;
}

/**
 * Makes the parent directory and a file beside `path` with a first version of the text, synced: the disk has room for it, the
 * rights suffice. An existing file is only replaced when asked for, and then kept beside as `<file>.bak-<time>`.
 */
export async function prepareFile(path: string, draft: string, existing: 'replace' | 'refuse'): Promise<PreparedFile> {
  if (existing === 'refuse' && (await exists(path))) {
    throw new Failure({
      what: `${path} exists already`,
      next: 'Look at it first. To replace it (the old file is kept beside it), add --force; to keep it, choose another --output.',
    });
  }
  const temporary = `${path}.new-${process.pid}`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    await access(dirname(path), constants.W_OK);
    await writeOrRemove(temporary, draft);
  } catch (cause) {
    throw new Failure({
      what: `${path} cannot be written`,
      next: 'Run the command as root, or choose another place with --output. The token is not spent.',
      cause,
    });
  }
  return {
    async commit(text) {
      await writeSynced(temporary, text);
      const backup = (await exists(path)) ? await keepOld(path) : undefined;
      await rename(temporary, path);
      await syncDirectory(dirname(path));
      return backup === undefined ? {} : { backup };
    },
    abandon: () => rm(temporary, { force: true }),
  };
}

/** Whole or not at all, and on the disk before it returns; readable by its owner only, from its first moment on. */
export async function writeWhole(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  const unfinished = `${path}.new-${process.pid}`;
  try {
    await rm(unfinished, { force: true });
    await writeSynced(unfinished, text);
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

async function keepOld(path: string): Promise<string> {
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  for (let attempt = 1; ; attempt++) {
    const backup = `${path}.bak-${time}${attempt === 1 ? '' : `-${attempt}`}`;
    try {
      // A copy and not a rename: at no moment is there no configuration. Modes and an older backup stay as they are.
      await copyFile(path, backup, constants.COPYFILE_EXCL);
      return backup;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST') || attempt > 100) throw error;
    }
  }
}

async function writeOrRemove(path: string, text: string): Promise<void> {
  try {
    await writeSynced(path, text);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

async function writeSynced(path: string, text: string): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    // ENOTDIR: a part of the path is a file, which making the directory will say better.
    const absent = error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
    if (absent) return false;
    throw error;
  }
}
