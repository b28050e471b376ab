import { execFile } from 'node:child_process';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. Rejects only when it cannot be started. */
export function run(
  file: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    execFile(file, args, { ...options, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === 'number') resolve({ code, stdout, stderr });
      else reject(new Error(`${file} ended without an exit code`, { cause: error }));
    });
  });
}

/** Runs scripts/build.mjs; `out` is the file that it makes. */
export async function buildInto(out: string, entry?: string): Promise<void> {
  const args = [join(ROOT, 'scripts/build.mjs'), '--out', out, ...(entry === undefined ? [] : ['--entry', entry])];
  const { code, stderr } = await run(process.execPath, args);
  if (code !== 0) throw new Error(`the build failed: ${stderr}`);
}
