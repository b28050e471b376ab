import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { SandboxCore } from './core.ts';
import type { SandboxState } from './state.ts';

/**
 * Takes up what the file holds and writes it anew after every change, before the change is answered. The file holds the
 * machines' host keys, hence 0600. A file that cannot be read is an error: starting empty would lose every machine in it.
 */
export function keepState(core: SandboxCore, path: string): void {
  const before = readState(path);
  if (before) core.restore(before);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  core.onChange(() => {
    writeFileSync(`${path}.new`, JSON.stringify(core.snapshot()), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  });
}

function readState(path: string): SandboxState | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  let state: SandboxState | undefined;
  try {
    state = JSON.parse(text);
  } catch (cause) {
    throw new Error(`${path} is not a sandbox state file; move it away to start empty`, { cause });
  }
  if (state?.format !== 1 || !Array.isArray(state.machines) || !Number.isFinite(state.savedAt)) {
    throw new Error(`${path} is not a sandbox state file of format 1; move it away to start empty`);
  }
  return state;
}
