import type { Stats } from 'node:fs';
import { lstat, readlink } from 'node:fs/promises';
import { dirname, join, parse, resolve, sep } from 'node:path';

const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;
/** As many as the kernel follows (path_resolution(7)). */
const MOST_LINKS = 40;

/**
 * What stands in the way of relying on a file: the first place on the way to it, links included, that somebody else than root and `user` can
 * change; undefined when there is none. Then nobody else can put another file in its place either, between this look and any later one.
 * Access lists count too: Linux shows their widest right as that of the group. Throws the disk's own error.
 */
export async function changeableByOthers(file: string, user = 0): Promise<string | undefined> {
  let at = parse(resolve(file)).root;
  const ahead = partsOf(resolve(file));
  let links = 0;
  let stats = await lstat(at);
  for (;;) {
    if (!isSafe(stats, user, ahead.length > 0)) return at;
    const next = ahead.shift();
    if (next === undefined) return undefined;
    const path = join(at, next);
    const found = await lstat(path);
    if (!found.isSymbolicLink()) {
      [at, stats] = [path, found];
      continue;
    }
    // Where it leads is its owner's choice; its mode says nothing.
    if (found.uid !== 0 && found.uid !== user) return path;
    links += 1;
    if (links > MOST_LINKS) return path;
    const target = resolve(dirname(path), await readlink(path));
    at = parse(target).root;
    stats = await lstat(at);
    ahead.unshift(...partsOf(target));
  }
}

function partsOf(path: string): string[] {
  return path.split(sep).filter((part) => part !== '');
}

function isSafe({ uid, mode }: Stats, user: number, hasMoreBelow: boolean): boolean {
  if (uid !== 0 && uid !== user) return false;
  if ((mode & OTHERS_WRITE) === 0) return true;
  // In a directory like /tmp nobody can rename or remove what belongs to somebody else, and what comes next is looked at as well.
  return hasMoreBelow && (mode & STICKY) !== 0;
}
