import { spawnSync } from 'node:child_process';

/** Runs Node with these arguments to its end; how long that took, ms. */
export function bareNodeMs(args: readonly string[]): number {
  const begun = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}: ${stderr}`);
  return performance.now() - begun;
}
