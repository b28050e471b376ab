// Mutation testing of the heart: changes src/lifecycle and src/ledger in small ways, and sees whether their tests notice.
//
//   npm run mutate [-- --min 85 --workers 2 --only src/lifecycle/retry.ts --all]
//
// All mutants are compiled into one bundle behind switches; each is switched on in a worker, and the tests that pass by it are run,
// the fastest first, until one fails. Survivors must be explained in docs/mutation.md, row by row. `--all` prints the killed too.
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { instrument } from './mutate/instrument.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const ROOMS = ['src/lifecycle', 'src/ledger'];
/** They start processes of their own, which run the unchanged program. */
const LEFT_OUT = ['src/ledger/real-disk.test.ts'];
/** A worker keeps every version of a file that it has loaded. */
const ATTACKS_PER_WORKER = 150;

const { values } = parseArgs({
  options: {
    min: { type: 'string', default: '85' },
    workers: { type: 'string', default: '2' },
    only: { type: 'string', multiple: true },
    all: { type: 'boolean', default: false },
  },
});

const scratch = join(root, '.tmp');
await mkdir(scratch, { recursive: true });
const out = await mkdtemp(join(scratch, 'mutate-'));
try {
  process.exitCode = await main();
} finally {
  await rm(out, { recursive: true, force: true });
}

async function main() {
  const begun = performance.now();
  const { mutants, code } = await mutateAll();
  const tests = (await Promise.all(ROOMS.map((room) => testFiles(room)))).flat();
  const files = await bundle(tests, code);
  const known = await survey(files);
  const chosen = values.only === undefined ? mutants : mutants.filter((one) => values.only.includes(one.file));
  await attackAll(chosen, known, files);
  return report(chosen, await readExplanations(), (performance.now() - begun) / 1000);
}

async function mutateAll() {
  const mutants = [];
  const code = new Map();
  for (const room of ROOMS) {
    for (const name of await readdir(join(root, room))) {
      if (name.endsWith('.test.ts') || name === 'fixtures.ts' || name === 'index.ts') continue;
      const path = join(root, room, name);
      const made = instrument(`${room}/${name}`, await readFile(path, 'utf8'), mutants.length + 1);
      mutants.push(...made.mutants);
      code.set(path, made.code);
    }
  }
  return { mutants, code };
}

async function testFiles(room) {
  const names = (await readdir(join(root, room))).filter((name) => name.endsWith('.test.ts'));
  return names.map((name) => `${room}/${name}`).filter((path) => !LEFT_OUT.includes(path));
}

/** One file per test file: the tests, and the sources with all mutants in them. */
async function bundle(tests, code) {
  const plugin = {
    name: 'mutants',
    setup({ onLoad, onResolve }) {
      onResolve({ filter: /^vitest$/ }, () => ({
        path: pathToFileURL(join(root, 'scripts/mutate/shim.mjs')).href,
        external: true,
      }));
      onResolve({ filter: /^[a-z@]/ }, ({ path, kind }) =>
        kind === 'entry-point' ? undefined : { path, external: true },
      );
      onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const contents = code.get(path) ?? (await readFile(path, 'utf8'));
        return {
          contents: contents.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)),
          loader: 'ts',
        };
      });
    },
  };
  await build({
    entryPoints: tests.map((path) => join(root, path)),
    outdir: out,
    outbase: root,
    bundle: true,
    platform: 'node',
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    plugins: [plugin],
    logLevel: 'warning',
  });
  return Object.fromEntries(tests.map((path) => [path, pathToFileURL(join(out, path.replace(/\.ts$/, '.mjs'))).href]));
}

/** Runs every test once without a mutant. They must all pass. */
async function survey(files) {
  const worker = startWorker(files);
  const known = [];
  for (const file of Object.keys(files)) {
    worker.post({ survey: file });
    const said = await worker.next();
    if (said.crashed !== undefined) throw new Error(`${file} does not pass as it is`, { cause: said.crashed });
    known.push(...said.surveyed);
  }
  await worker.end();
  console.error(`${known.length} tests in ${Object.keys(files).length} files`);
  return known;
}

/** A worker and what it has said and nobody has heard yet. */
function startWorker(files) {
  const worker = new Worker(new URL('./mutate/worker.mjs', import.meta.url), {
    workerData: { files },
    stdout: true,
    stderr: true,
  });
  const said = [];
  let listener;
  const hear = (message) => {
    said.push(message);
    listener?.();
  };
  worker.on('message', hear);
  worker.on('error', (error) => hear({ crashed: error }));
  worker.on('exit', () => hear({ crashed: new Error('the worker ended') }));
  return {
    post: (job) => worker.postMessage(job),
    end: () => worker.terminate(),
    /** What it says next; `stuck` when that takes longer than `limitMs`. */
    async next(limitMs = 600_000) {
      if (said.length === 0) {
        let timer;
        await new Promise((done) => {
          listener = done;
          timer = setTimeout(done, limitMs);
        });
        clearTimeout(timer);
      }
      return said.shift() ?? { stuck: true };
    },
  };
}

async function attackAll(mutants, known, files) {
  const queue = mutants.map((mutant) => ({ mutant, tests: testsFor(mutant, known) }));
  const total = queue.length;
  let finished = 0;
  const crew = Array.from({ length: Number(values.workers) }, async () => {
    let worker = startWorker(files);
    for (let attacks = 0, job = queue.shift(); job !== undefined; job = queue.shift(), attacks++) {
      if (attacks % ATTACKS_PER_WORKER === ATTACKS_PER_WORKER - 1) {
        await worker.end();
        worker = startWorker(files);
      }
      const fine = await attack(worker, job);
      if (!fine) {
        await worker.end();
        worker = startWorker(files);
      }
      if (++finished % 100 === 0) console.error(`${finished} of ${total}`);
    }
    await worker.end();
  });
  await Promise.all(crew);
}

/** A room is tested by its own tests: the ledger's would notice much of what is wrong in the lifecycle, but slowly. */
function testsFor(mutant, known) {
  return known
    .filter((test) => dirname(test.file) === dirname(mutant.file) && test.hits.includes(mutant.id))
    .sort((a, b) => a.ms - b.ms)
    .map(({ file, index, name, ms }) => ({ file, index, name, ms }));
}

/** False when the worker cannot be used any more. */
async function attack(worker, { mutant, tests }) {
  mutant.covered = tests.length > 0;
  if (!mutant.covered) return true;
  worker.post({ id: mutant.id, tests });
  let running = { running: 'loading', ms: 0 };
  for (;;) {
    // Several times what the test takes, and then some: the machine may be busy.
    const said = await worker.next(5_000 + running.ms * 10);
    if (said.running === undefined) {
      mutant.killedBy = outcome(said, running.running);
      return said.stuck === undefined && said.crashed === undefined;
    }
    running = said;
  }
}

function outcome({ stuck, crashed, killedBy }, running) {
  if (stuck) return `${running} (does not end)`;
  return crashed === undefined ? killedBy : `${running} (${crashed.message})`;
}

/** Rows `| file | line | before | after | why |` of the document. */
async function readExplanations() {
  try {
    return await readFile(join(root, 'docs/mutation.md'), 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return '';
    throw error;
  }
}

function rowOf({ file, context, from, to }) {
  const cell = (text) => {
    const [open, close] = text.includes('`') ? ['`` ', ' ``'] : ['`', '`'];
    return `${open}${text.replace(/\s+/g, ' ').replaceAll('|', '\\|')}${close}`;
  };
  return `| ${relative('src', file)} | ${cell(context)} | ${cell(from)} | ${to === '' ? '(left out)' : cell(to)} |`;
}

function report(mutants, explanations, seconds) {
  const killed = mutants.filter((one) => one.killedBy !== undefined);
  const survivors = mutants.filter((one) => one.killedBy === undefined);
  const unexplained = survivors.filter((one) => !explanations.includes(rowOf(one)));
  if (values.all) for (const one of killed) console.log(`killed ${one.file}:${one.line} ${rowOf(one)} ${one.killedBy}`);
  for (const one of survivors) {
    const note = one.covered ? '' : ' (no test passes by)';
    console.log(
      `${unexplained.includes(one) ? 'SURVIVED' : 'survived, as explained:'} ${one.file}:${one.line}${note}\n  ${rowOf(one)}`,
    );
  }
  console.log();
  for (const [file, own] of groupByFile(mutants)) console.log(`${score(own)}  ${file}`);
  console.log(`${score(mutants)}  all of it, in ${Math.round(seconds)} s`);
  if (unexplained.length > 0) console.log(`${unexplained.length} survivors are not explained in docs/mutation.md`);
  return (killed.length / mutants.length) * 100 >= Number(values.min) ? 0 : 1;
}

function groupByFile(mutants) {
  const groups = new Map();
  for (const one of mutants) groups.set(one.file, [...(groups.get(one.file) ?? []), one]);
  return groups;
}

function score(mutants) {
  const killed = mutants.filter((one) => one.killedBy !== undefined).length;
  return `${((killed / mutants.length) * 100).toFixed(1).padStart(5)} % (${killed} of ${mutants.length})`;
}
