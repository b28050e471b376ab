// npm run sim: bundles the simulation and runs it; `--mutants` switches on one deliberate fault after the other. See test/simulation/main.ts.
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { MUTANTS } from './mutants.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const out = resolve(root, '.tmp');
const args = process.argv.slice(2);

await bundle({ sim: 'test/simulation/main.ts', teller: 'test/simulation/teller.ts' }, []);
if (args[0] === '--mutants') await mutants(args.slice(1));
else process.exitCode = await run(['--enable-source-maps'], args);

/** Every mutant must be found. Names after `--mutants` choose some of them. */
async function mutants(names) {
  const chosen = MUTANTS.filter(({ name }) => names.length === 0 || names.some((part) => name.includes(part)));
  let survivors = 0;
  const waiting = chosen.entries();
  const hunter = async () => {
    for (const [index, mutant] of waiting) if (!(await hunt(mutant, index))) survivors++;
  };
  await Promise.all(Array.from({ length: availableParallelism() }, hunter));
  process.stdout.write(`${chosen.length - survivors} mutants found, ${survivors} survived\n`);
  process.exitCode = survivors === 0 ? 0 : 1;
}

/** True when the stories notice the mutant. One process for each: a hunt is mostly short, and there are many. */
async function hunt(mutant, index) {
  await bundle({ [`mutant-${index}`]: 'test/simulation/teller.ts' }, [mutation(mutant)]);
  const code = await run(
    [],
    [
      '--hunt',
      mutant.name,
      '--teller',
      resolve(out, `mutant-${index}.mjs`),
      '--workers',
      '1',
      // Stories and not seconds: how busy the machine is says nothing about the agent.
      '--seeds',
      '600',
      '--from',
      '1',
      '--backend',
      mutant.backend ?? 'sandbox',
      ...(mutant.seed === undefined ? [] : ['--known', String(mutant.seed)]),
    ],
  );
  return code === 0;
}

function bundle(entryPoints, plugins) {
  return build({
    absWorkingDir: root,
    entryPoints,
    outdir: out,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    packages: 'external',
    // A hunt tells which rule it broke and not where: without the map it begins sooner.
    sourcemap: plugins.length === 0 ? 'inline' : false,
    logLevel: 'warning',
    plugins,
  });
}

function mutation({ name, file, find, replace }) {
  return {
    name: 'mutation',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        if (relative(root, path) !== file) return undefined;
        const source = await readFile(path, 'utf8');
        const count = source.split(find).length - 1;
        if (count !== 1) return { errors: [{ text: `mutant '${name}': its text occurs ${count} times in ${file}` }] };
        return { contents: source.replace(find, () => replace), loader: 'ts' };
      });
    },
  };
}

function run(options, given) {
  return new Promise((done) => {
    const child = spawn(process.execPath, [...options, resolve(out, 'sim.mjs'), ...given], {
      stdio: 'inherit',
    });
    child.on('close', (code) => done(code ?? 1));
  });
}
