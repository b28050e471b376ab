import { createHash } from 'node:crypto';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  rmdir,
  stat,
  symlink,
} from 'node:fs/promises';
import { dirname } from 'node:path';
import { mustRun, type ServiceHost } from './host.ts';

/** One thing that is done to the host. Doing it again changes nothing. */
export interface Step {
  /** What it does: a path, or a command as typed. */
  readonly says: string;
  /** What `--dry-run` shows below that. */
  readonly shows?: string;
  apply(): Promise<Outcome>;
}

export type Outcome = 'changed' | 'as it was';

export function command(host: ServiceHost, ...argv: string[]): Step {
  return {
    says: `run ${argv.join(' ')}`,
    // None of these commands tells whether it changed anything; none of them needs the service to be started anew.
    apply: async () => {
      await mustRun(host, argv);
      return 'as it was';
    },
  };
}

export interface NewFile {
  readonly path: string;
  readonly text: string;
  /** `kept`: owner and mode of the file that is there stay. */
  readonly mode: number | 'kept';
  /** What `--dry-run` shows instead of the text. */
  readonly shows?: string;
}

export function write({ path, text, mode, shows }: NewFile): Step {
  return {
    says: `write ${path}${mode === 'kept' ? '' : ` (${mode.toString(8).padStart(4, '0')})`}`,
    ...(shows === undefined ? {} : { shows }),
    apply: async () => {
      if ((await readIfThere(path)) === text && (mode === 'kept' || (await modeOf(path)) === mode)) return 'as it was';
      await mkdir(dirname(path), { recursive: true, mode: 0o755 });
      await replaceFile(path, text, mode === 'kept' ? await stat(path) : { mode });
      return 'changed';
    },
  };
}

/** A folder with exactly these links, which only root may enter. */
export function linkFolder(path: string, links: ReadonlyMap<string, string>): Step {
  return {
    says: `link ${path}/ (0700)`,
    shows: [...links].map(([name, file]) => `${name} -> ${file}`).join('\n'),
    apply: async () => {
      await mkdir(path, { recursive: true, mode: 0o700 });
      await chmod(path, 0o700);
      let outcome: Outcome = 'as it was';
      for (const name of await readdir(path)) {
        if (links.get(name) === (await linkTarget(`${path}/${name}`))) continue;
        await rm(`${path}/${name}`);
        outcome = 'changed';
      }
      const present = new Set(await readdir(path));
      for (const [name, file] of links) {
        if (present.has(name)) continue;
        await symlink(file, `${path}/${name}`);
        outcome = 'changed';
      }
      return outcome;
    },
  };
}

/** Removes a file, and its folder when that is empty then. */
export function remove(path: string, folder: 'keep folder' | 'and empty folder'): Step {
  return {
    says: `remove ${path}`,
    apply: async () => {
      const there = (await readIfThere(path)) !== undefined;
      await rm(path, { force: true });
      if (folder === 'and empty folder') await removeEmpty(dirname(path));
      return there ? 'changed' : 'as it was';
    },
  };
}

/** Removes the folder that `linkFolder` made; the files that its links point to stay. */
export function unlinkFolder(path: string): Step {
  return {
    says: `remove ${path}/ (the links, not the files)`,
    apply: async () => {
      const names = await readdirIfThere(path);
      for (const name of names ?? []) {
        if ((await lstat(`${path}/${name}`)).isSymbolicLink()) await rm(`${path}/${name}`);
      }
      await removeEmpty(path);
      return names === undefined ? 'as it was' : 'changed';
    },
  };
}

export function digest(...parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex');
}

export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

/** The number of the user whose it is; undefined when nothing is there. */
export async function ownerOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).uid;
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

async function readdirIfThere(path: string): Promise<string[] | undefined> {
  try {
    return await readdir(path);
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

async function removeEmpty(folder: string): Promise<void> {
  const names = await readdirIfThere(folder);
  if (names?.length === 0) await rmdir(folder);
}

async function modeOf(path: string): Promise<number> {
  return (await stat(path)).mode & 0o7777;
}

async function linkTarget(path: string): Promise<string | undefined> {
  return (await lstat(path)).isSymbolicLink() ? readlink(path) : undefined;
}

/** Whole or not at all: whoever reads it meanwhile, or after a power cut, finds the old text or the new one. */
async function replaceFile(path: string, text: string, like: { mode: number; uid?: number; gid?: number }) {
  const unfinished = `${path}.new-${process.pid}`;
  try {
    const file = await open(unfinished, 'w', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    if (like.uid !== undefined && like.gid !== undefined) await chown(unfinished, like.uid, like.gid);
    await chmod(unfinished, like.mode & 0o7777);
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}

function isAbsence(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
