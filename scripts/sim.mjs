// npm run sim: bundles the simulation and runs it. See test/simulation/main.ts.
import { spawn } from 'node:child_process';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const out = resolve(root, '.tmp');
await build({
  absWorkingDir: root,
  entryPoints: { sim: 'test/simulation/main.ts', teller: 'test/simulation/teller.ts' },
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
const child = spawn(process.execPath, ['--enable-source-maps', resolve(out, 'sim.mjs'), ...process.argv.slice(2)], {
  stdio: 'inherit',
});
child.on('close', (code) => (process.exitCode = code ?? 1));
