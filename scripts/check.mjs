// Everything that is checked without running the program.
//
//   npm run check [-- types|lint|format|dead-code|engines ...]
//
// `lint` holds the direction of imports too, and forbids circles: tools/lint/arrows.js draws the arrows.
//
// Every check runs, also after one has failed; what a failed one printed is shown.
import { spawn } from 'node:child_process';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const bin = (name) => resolve(root, 'node_modules/.bin', name);

const CHECKS = {
  types: [bin('tsc'), '-p', '.'],
  lint: [bin('oxlint'), '--deny-warnings'],
  format: [bin('biome'), 'check', '--error-on-warnings'],
  'dead-code': [bin('knip'), '--treat-config-hints-as-errors'],
  engines: [process.execPath, resolve(root, 'scripts/check-engines.mjs')],
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in CHECKS));
if (unknown.length > 0) {
  console.error(`check: there is no check '${unknown[0]}': choose from ${Object.keys(CHECKS).join(', ')}`);
  process.exit(2);
}

// All at once: each is a program of its own, and most use one processor.
const results = (asked.length > 0 ? asked : Object.keys(CHECKS)).map(async (name) => {
  const started = performance.now();
  const { ok, output } = await run(CHECKS[name]);
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
  if (!ok) console.log(output.trimEnd());
  return ok;
});
process.exitCode = (await Promise.all(results)).every(Boolean) ? 0 : 1;

function run([command, ...args]) {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => done({ ok: false, output: `${command} does not start: ${error.message}` }));
    child.on('close', (code) => done({ ok: code === 0, output }));
  });
}
