import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Runs `work` with a directory of its own, and with a list of things that are closed afterwards, the latest first. */
export async function inPlace<T>(
  work: (directory: string, closing: (() => Promise<unknown>)[]) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'dc-bench-'));
  const closing: (() => Promise<unknown>)[] = [];
  try {
    return await work(directory, closing);
  } finally {
    for (const close of closing.reverse()) await close();
    await rm(directory, { recursive: true, force: true });
  }
}
