// Builds dist/main.js: the whole command line as one file that runs without node_modules, and beside it the licenses of what is in it.
//
//   node scripts/build.mjs [--entry src/main.ts] [--out dist/main.js]     the program
//   node scripts/build.mjs --kit dist/provisioner                         what authors of plugins import, with its types
//   node scripts/build.mjs                                                both
//
// Not minified, and no source map: the file is read by operators, and an uncaught error prints the line it was thrown from.
import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { build } from 'esbuild';
import { thirdPartyLicenses } from './licenses.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({
  options: { entry: { type: 'string' }, out: { type: 'string' }, kit: { type: 'string' } },
});
const entry = resolve(root, values.entry ?? 'src/main.ts');
const out = resolve(root, values.out ?? 'dist/main.js');
const { version, engines } = JSON.parse(await readFile(resolve(root, 'package.json'), 'utf8'));
const floor = /\d+(\.\d+)*/.exec(engines.node)[0];

/** The settings of tsconfig.json that reach into declarations; with files on the command line it is not read. */
const DECLARATIONS = [
  '--ignoreConfig',
  '--declaration',
  '--emitDeclarationOnly',
  '--rootDir',
  'src',
  '--types',
  'node',
  '--target',
  'es2023',
  '--module',
  'nodenext',
  '--strict',
  '--exactOptionalPropertyTypes',
  '--allowImportingTsExtensions',
  '--skipLibCheck',
];

/**
 * Loads built-in modules when the code that uses them first runs. esbuild hoists `import ... from 'node:x'` out of lazily
 * loaded code to the top of the file; then even `--help` would wait for http, tls, zlib and worker_threads.
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

/** zod brings its messages in forty languages, 400 KB, which would lie in memory for ever; it asks for the English ones by themselves. */
const englishOnly = {
  name: 'english-only',
  setup({ onLoad }) {
    onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js'",
    }));
  },
};

const program = values.kit === undefined;
const kit = values.entry === undefined && values.out === undefined;

try {
  if (program) await buildProgram();
  if (kit) await buildKit(resolve(root, values.kit ?? 'dist/provisioner'));
} catch (error) {
  // esbuild has printed what is wrong with the sources; anything else is ours.
  if (!Array.isArray(error.errors)) throw error;
  process.exitCode = 1;
}

async function buildProgram() {
  const { outputFiles, metafile } = await bundle();
  await mkdir(dirname(out), { recursive: true });
  await replace(
    join(dirname(out), 'THIRD-PARTY-LICENSES.txt'),
    await thirdPartyLicenses(root, Object.keys(metafile.inputs)),
    0o644,
  );
  await replace(out, await executable(outputFiles[0].text), 0o755);
}

/**
 * The doors of src/provisioner as modules of the package. They share what they have in common, so that there is one class of errors;
 * packages stay outside, because a plugin's settings must be of the same zod.
 */
async function buildKit(directory) {
  const unfinished = `${directory}.${process.pid}.tmp`;
  const doors = ['index', 'settings', 'conformance'].map((name) => `src/provisioner/${name}.ts`);
  try {
    await build({
      entryPoints: doors,
      absWorkingDir: root,
      outdir: unfinished,
      bundle: true,
      splitting: true,
      platform: 'node',
      format: 'esm',
      target: `node${floor}`,
      packages: 'external',
      logLevel: 'warning',
    });
    await promisify(execFile)(
      process.execPath,
      [
        resolve(root, 'node_modules/typescript/bin/tsc'),
        ...DECLARATIONS,
        '--outDir',
        join(unfinished, 'types'),
        ...doors,
      ],
      { cwd: root },
    );
    await rm(directory, { recursive: true, force: true });
    await mkdir(dirname(directory), { recursive: true });
    await rename(unfinished, directory);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

function bundle() {
  return build({
    entryPoints: [entry],
    absWorkingDir: root,
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    // The only format with a top-level await; the launcher makes a function of it.
    format: 'esm',
    target: `node${floor}`,
    // ssh2's native parts are optional: without them it runs in pure JavaScript.
    external: ['*.node', 'cpu-features'],
    define: { __DC_VERSION__: JSON.stringify(version) },
    // All of them are in THIRD-PARTY-LICENSES.txt.
    legalComments: 'none',
    plugins: [lazyBuiltins, englishOnly],
    logLevel: 'warning',
    logOverride: { 'require-resolve-not-external': 'silent' },
  });
}

/** @param {string} program */
async function executable(program) {
  if (program.includes('*@/'))
    throw new Error('the program contains *@/, which stands for the end of a comment: choose another mark');
  const launcher = await readFile(resolve(root, 'scripts/launcher.cjs'), 'utf8');
  const head = launcher.replace('__NODE_FLOOR__', floor).replace('__DC_VERSION__', version);
  return `#!/usr/bin/env node\n// dc-agent ${version}\n${head}\n/*program\n${ascii(program).replaceAll('*/', '*@/')}*/\n`;
}

/**
 * One letter beyond ASCII makes the engine keep the whole source in two bytes a letter. esbuild escapes them everywhere but in
 * comments, where they may go.
 */
function ascii(program) {
  return program.replaceAll(/^.*[^\0-\x7f].*$/gm, (line) => {
    const comment = line.search(/\/\/|\/?\*/);
    if (comment === -1 || /[^\0-\x7f]/.test(line.slice(0, comment)))
      throw new Error(`not ASCII, and no comment: ${line}`);
    return line.replaceAll(/[^\0-\x7f]/g, '?');
  });
}

/** The old file stays whole until the new one is: somebody may be running it. */
async function replace(file, text, mode) {
  const unfinished = `${file}.${process.pid}.tmp`;
  try {
    await writeFile(unfinished, text);
    await chmod(unfinished, mode);
    await rename(unfinished, file);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}
