import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of its own that can be filled up and made read-only. */
export interface SmallDisk {
  readonly path: string;
  fillUp(): void;
  free(): void;
  remount(how: 'ro' | 'rw'): void;
  remove(): void;
}

/** Throws where this process may not mount anything. */
export function mountSmallDisk(): SmallDisk {
  const path = mkdtempSync(join(tmpdir(), 'dc-disk-'));
  const ballast = join(path, 'ballast');
  try {
    run('mount', '-t', 'tmpfs', '-o', 'size=512k,mode=0700', 'dc-small-disk', path);
  } catch (error) {
    rmdirSync(path);
    throw error;
  }
  return {
    path,
    fillUp() {
      // A full disk takes what still fits and refuses the rest.
      for (const size of [65_536, 4096, 1]) while (hasRoomFor(ballast, size));
    },
    free: () => rmSync(ballast),
    remount: (how) => run('mount', '-o', `remount,${how}`, path),
    remove() {
      run('umount', path);
      rmdirSync(path);
    },
  };
}

/** Why the tests with a small disk cannot run here; undefined when they can. */
export function whyNoSmallDisk(): string | undefined {
  try {
    mountSmallDisk().remove();
    return undefined;
  } catch (error) {
    return `a file system cannot be mounted here: ${error instanceof Error ? error.message.trim() : String(error)}`;
  }
}

function hasRoomFor(file: string, size: number): boolean {
  try {
    writeFileSync(file, Buffer.alloc(size), { flag: 'a' });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return false;
    throw error;
  }
}

function run(command: string, ...argv: string[]): void {
  execFileSync(command, argv, { stdio: ['ignore', 'ignore', 'pipe'] });
}
