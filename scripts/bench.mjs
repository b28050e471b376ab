// npm run bench: bundles the benches and runs them. See test/bench/main.ts.
import { spawn } from 'node:child_process';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
// As deep as test/bench, so that paths relative to a source file hold in the bundle too.
const out = resolve(root, '.tmp/bench');
await build({
  absWorkingDir: root,
  entryPoints: { main: 'test/bench/main.ts', loaded: 'test/bench/loaded.ts' },
  outdir: out,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  packages: 'external',
  sourcemap: 'inline',
  logLevel: 'warning',
});
const child = spawn(
  process.execPath,
  ['--enable-source-maps', '--expose-gc', resolve(out, 'main.mjs'), ...process.argv.slice(2)],
  { cwd: root, stdio: 'inherit' },
);
child.on('close', (code) => (process.exitCode = code ?? 1));
