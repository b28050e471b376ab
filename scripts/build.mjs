// Builds dist/main.js: the whole command line as one ES module that runs without node_modules.
//
//   node scripts/build.mjs [--entry src/main.ts] [--out dist/main.js]
//
// Not minified: the file is read by operators, and an uncaught error prints the line it was thrown from.
import { chmod, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({ options: { entry: { type: 'string' }, out: { type: 'string' } } });
const entry = resolve(root, values.entry ?? 'src/main.ts');
const out = resolve(root, values.out ?? 'dist/main.js');
const { version, engines } = JSON.parse(await readFile(resolve(root, 'package.json'), 'utf8'));

/** What CommonJS packages expect to find in their module scope. */
const COMMONJS_SCOPE = [
  "import { createRequire as __createRequire } from 'node:module';",
  "import { fileURLToPath as __fileURLToPath } from 'node:url';",
  'const require = __createRequire(import.meta.url);',
  'const __filename = __fileURLToPath(import.meta.url);',
  "const __dirname = __fileURLToPath(new URL('.', import.meta.url));",
].join('\n');

/**
 * Loads built-in modules when the code that uses them first runs. esbuild hoists `import ... from 'node:x'` out of lazily
 * loaded code to the top of the file; then even `--version` would wait for http, tls, zlib and worker_threads.
 */
const lazyBuiltins = {
  name: 'lazy-builtins',
  setup({ onResolve, onLoad }) {
    const names = new Set(builtinModules);
    onResolve({ filter: /^(node:)?[a-z0-9_/]+$/ }, ({ path, kind }) => {
      const name = path.replace(/^node:/, '');
      if (kind === 'require-call' || !names.has(name)) return undefined;
      return { path: `node:${name}`, namespace: 'builtin' };
    });
    onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({ contents: `module.exports = require('${path}')` }));
  },
};

// The old file stays whole until the new one is: somebody may be running it.
const unfinished = `${out}.${process.pid}.tmp`;
await mkdir(dirname(out), { recursive: true });
try {
  await build({
    entryPoints: [entry],
    outfile: unfinished,
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: `node${/\d+(\.\d+)*/.exec(engines.node)[0]}`,
    // ssh2's native parts are optional: without them it runs in pure JavaScript.
    external: ['*.node'],
    define: { __DC_VERSION__: JSON.stringify(version) },
    banner: { js: `#!/usr/bin/env node\n// dc-agent ${version}\n${COMMONJS_SCOPE}` },
    legalComments: 'inline',
    plugins: [lazyBuiltins],
    logLevel: 'warning',
    logOverride: { 'require-resolve-not-external': 'silent' },
  });
  await chmod(unfinished, 0o755);
  await rename(unfinished, out);
} catch (error) {
  await rm(unfinished, { force: true });
  // esbuild has printed what is wrong with the sources; anything else is ours.
  if (!Array.isArray(error.errors)) throw error;
  process.exitCode = 1;
}
