import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The text of every file below a directory. */
export async function filesBelow(directory: string): Promise<string> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return (await Promise.all(files.map((file) => readFile(file, 'latin1')))).join('\n');
}

/** The arguments and variables of every process of this host, containers included, one process a line. */
export async function processes(): Promise<string> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const texts = ids.map(async (id) =>
    `${await peek(id, 'cmdline')} ${await peek(id, 'environ')}`.replaceAll('\0', ' '),
  );
  return (await Promise.all(texts)).join('\n');
}

/** A process may end, or belong to somebody else. */
async function peek(id: string, what: string): Promise<string> {
  try {
    return await readFile(join('/proc', id, what), 'latin1');
  } catch (error) {
    if (error instanceof Error && 'code' in error && GONE.has(error.code)) return '';
    throw error;
  }
}

const GONE: ReadonlySet<unknown> = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM']);

/** How a secret may be written. */
export function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [secret, encodeURIComponent(secret), bytes.toString('hex'), bytes.toString('base64').replace(/=+$/, '')];
}
