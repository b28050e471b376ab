import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Undo } from './undo.ts';

/** The agent's socket lies some 30 bytes below, and the kernel takes 107 for its path. */
const LONGEST = 70;

/** A directory of its own for everything that the demonstration writes; mkdtemp makes it 0700. */
export async function makeHome(undo: Undo): Promise<string> {
  const parent = Buffer.byteLength(tmpdir()) > LONGEST ? '/tmp' : tmpdir();
  const home = await mkdtemp(join(parent, 'dc-demo-'));
  undo.add(`remove ${home}`, () => rm(home, { recursive: true, force: true }));
  return home;
}
