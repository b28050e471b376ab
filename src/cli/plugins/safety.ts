import type { Stats } from 'node:fs';
import { lstat, readdir, realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { PluginRefusal } from './refusal.ts';

/** Enough for a plugin with its packages; a folder with more is not one that was made for plugins. */
const MAX_ENTRIES = 50_000;
const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

/**
 * Throws PluginRefusal unless only root and this process's user can change what a plugin in this folder consists of: everything
 * in the folder, and every directory on the way to it, belongs to one of the two, and neither group nor others may write. Access
 * lists count too: Linux shows their widest right as that of the group. `folder` has no links in its path.
 */
export async function requireSafe(folder: string): Promise<void> {
  for (let at = dirname(folder); ; at = dirname(at)) {
    judge(at, await lstat(at), 'on the way');
    if (at === dirname(at)) break;
  }
  let left = MAX_ENTRIES;
  const open = [folder];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (--left < 0) {
      throw new PluginRefusal(
        `is not loaded: ${folder} holds more than ${MAX_ENTRIES} files; give plugins a folder of their own`,
      );
    }
    const stats = await lstat(path);
    judge(path, stats, 'inside');
    if (stats.isSymbolicLink()) await requireInside(path, folder);
    else if (stats.isDirectory()) for (const name of await readdir(path)) open.push(join(path, name));
  }
}

function judge(path: string, stats: Stats, where: 'on the way' | 'inside'): void {
  const refuse = (why: string): never => {
    throw new PluginRefusal(`is not loaded: ${path} ${why}`);
  };
  const user = process.getuid?.();
  if (stats.uid !== 0 && stats.uid !== user) {
    refuse(
      `belongs to user ${stats.uid}; a plugin belongs to root or to the agent’s user (${user}), as do its directories`,
    );
  }
  // The mode of a link says nothing: what counts is who may replace it, and what it leads to.
  if (stats.isSymbolicLink() || (stats.mode & OTHERS_WRITE) === 0) return;
  // In a directory like /tmp nobody can rename or remove what belongs to somebody else, and the next one on the way is root’s or ours.
  if (where === 'on the way' && (stats.mode & STICKY) !== 0) return;
  const mode = (stats.mode & 0o7777).toString(8).padStart(4, '0');
  refuse(`may be changed by its group or by others (mode ${mode}); run: chmod -R go-w on it`);
}

async function requireInside(link: string, folder: string): Promise<void> {
  const target = await realpath(link).catch(() => undefined);
  // A link that leads nowhere leads to no code.
  if (target === undefined || target === folder || target.startsWith(folder + sep)) return;
  throw new PluginRefusal(
    `is not loaded: ${link} leads out of ${folder}, to ${target}; install a copy instead of a link`,
  );
}
