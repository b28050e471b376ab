import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/** Each case is a file of a small project and the rule that it must break; `undefined` means that it breaks none. */
// biome-ignore format: a table, one case a line
const CASES: [does: string, path: string, code: string, rule: string | undefined][] = [
  ['console outside the CLI', 'src/agent/a.ts', 'console.log(1);', 'eslint(no-console)'],
  ['console in the CLI', 'src/cli/a.ts', 'console.log(1);', undefined],
  ['exec', 'src/host/b.ts', `import { exec } from 'node:child_process';\nexec('ls');`, 'house(no-shell)'],
  ['execSync', 'src/host/c.ts', `import { execSync as e } from 'child_process';\ne('ls');`, 'house(no-shell)'],
  ['child_process as a whole', 'src/host/d.ts', `import * as c from 'node:child_process';\nc.fork('x');`, 'house(no-shell)'],
  ['the shell option', 'src/host/e.ts', 'export const options = { shell: true };', 'house(no-shell)'],
  ['a shell by name', 'src/host/f.ts', `export const options = { 'shell': '/bin/sh' };`, 'house(no-shell)'],
  ['execFile', 'src/host/g.ts', `import { execFile } from 'node:child_process';\nexecFile('ls', []);`, undefined],
  ['a default export', 'src/host/h.ts', 'export default 1;', 'import(no-default-export)'],
  ['a default export of a configuration', 'x.config.ts', 'export default 1;', undefined],
  ['a promise nobody waits for', 'src/host/i.ts', 'Promise.resolve(1);', 'typescript(no-floating-promises)'],
  ['an async callback where none is awaited', 'src/host/j.ts', 'export function f(g: () => void): void { g(); }\nf(async () => {});', 'typescript(no-misused-promises)'],
  ['a non-null assertion', 'src/host/k.ts', 'export const f = (a?: string): string => a!;', 'typescript(no-non-null-assertion)'],
  ['any', 'src/host/l.ts', 'export const f = (a: any): void => void a;', 'typescript(no-explicit-any)'],
  ['a swallowed error', 'src/host/m.ts', 'try { Date.now(); } catch {}', 'eslint(no-empty)'],
  ['a thrown string', 'src/host/n.ts', `export function f(): never { throw 'no'; }`, 'typescript(only-throw-error)'],
  ['a double assertion', 'src/host/o.ts', `export const x = 'a' as unknown as number;`, 'house(no-double-assertion)'],
  ['a log message that varies', 'src/host/p.ts', 'declare const log: { info(f: object, m: string): void };\nlog.info({}, `at ${Date.now()}`);', 'house(static-log-message)'],
  ['a log message without fields', 'src/host/q.ts', `declare const deps: { log: { warn(...a: unknown[]): void } };\ndeps.log.warn('x');`, 'house(static-log-message)'],
  ['a constant log message', 'src/host/r.ts', `declare const log: { info(f: object, m: string): void };\nlog.info({ at: 1 }, 'started');`, undefined],
  ['a check switched off without a reason', 'src/host/s.ts', '// oxlint-disable-next-line no-console\nconsole.log(1);', 'house(disable-needs-reason)'],
  ['a check switched off with a reason', 'src/host/t.ts', '// oxlint-disable-next-line no-console -- the reason is here\nconsole.log(1);', undefined],
  ['@ts-ignore', 'src/host/u.ts', '// @ts-ignore\nexport const x: number = "a";', 'typescript(ban-ts-comment)'],
  ['a union not switched to the end', 'src/host/v.ts', `export function f(a: 'x' | 'y'): number { switch (a) { case 'x': return 1; }\nreturn 0; }`, 'typescript(switch-exhaustiveness-check)'],
  ['a test left alone in the light', 'src/host/w.test.ts', `import { test } from 'vitest';\ntest.only('x', () => {});`, 'vitest(no-focused-tests)'],
  ['imports in a circle', 'src/host/circle-a.ts', `import { b } from './circle-b.ts';\nexport const a = (): number => b();`, 'import(no-cycle)'],
  ['the other half', 'src/host/circle-b.ts', `import { a } from './circle-a.ts';\nexport const b = (): number => a();`, 'import(no-cycle)'],

  ['lifecycle running the ledger', 'src/lifecycle/a.ts', `import { x } from '../ledger/x.ts';\nx();`, 'house(import-direction)'],
  ['lifecycle naming a type of the ledger', 'src/lifecycle/b.ts', `import type { X } from '../ledger/x.ts';\nexport type Y = X;`, undefined],
  ['a mixed import that loads code', 'src/lifecycle/c.ts', `import { type X, x } from '../ledger/x.ts';\nexport const y: X = x();`, 'house(import-direction)'],
  ['lifecycle running a port', 'src/lifecycle/d.ts', `import { x } from '../ports/x.ts';\nx();`, undefined],
  ['the ledger folding its entries with lifecycle', 'src/ledger/a.ts', `import { x } from '../lifecycle/x.ts';\nx();`, undefined],
  ['the ledger running the platform', 'src/ledger/b.ts', `import { x } from '../platform/x.ts';\nx();`, 'house(import-direction)'],
  ['fixtures importing a plugin', 'src/config/fixtures.ts', `import { x } from '../../provisioners/two/x.ts';\nx();`, undefined],
  ['shipped code importing fixtures', 'src/config/b.ts', `import { x } from './fixtures.ts';\nx();`, 'house(import-direction)'],
  ['the agent running the ledger', 'src/agent/c.ts', `import { x } from '../ledger/x.ts';\nx();`, undefined],
  ['the agent reaching up to the CLI', 'src/agent/d.ts', `import { x } from '../cli/x.ts';\nx();`, 'house(import-direction)'],
  ['the agent running the configuration', 'src/agent/e.ts', `import { x } from '../config/x.ts';\nx();`, 'house(import-direction)'],
  ['the platform reaching up to the agent', 'src/platform/a.ts', `export { x } from '../agent/x.ts';`, 'house(import-direction)'],
  ['a port importing a room', 'src/ports/a.ts', `import type { X } from '../ledger/x.ts';\nexport type Y = X;`, 'house(import-direction)'],
  ['a plugin using its door', 'provisioners/one/a.ts', `import { x } from '../../src/provisioner/x.ts';\nx();`, undefined],
  ['a plugin reaching past its door', 'provisioners/one/b.ts', `import { x } from '../../src/guest/x.ts';\nx();`, 'house(import-direction)'],
  ['a plugin using a port directly', 'provisioners/one/c.ts', `import { x } from '../../src/ports/x.ts';\nx();`, undefined],
  ['a plugin importing another', 'provisioners/one/d.ts', `import { x } from '../two/x.ts';\nx();`, 'house(import-direction)'],
  ['a plugin importing a simulator', 'provisioners/one/e.ts', `import { x } from '../../simulators/two/x.ts';\nx();`, 'house(import-direction)'],
  ['a test importing a simulator', 'provisioners/one/f.test.ts', `import { x } from '../../simulators/two/x.ts';\nx();`, undefined],
  ['the map of plugins', 'provisioners/index.ts', `import { x } from './two/x.ts';\nx();`, undefined],
  ['the agent reading the map of plugins', 'src/agent/f.ts', `import { x } from '../../provisioners/index.ts';\nx();`, 'house(import-direction)'],
  ['the CLI reading the map of plugins', 'src/cli/b.ts', `import { x } from '../../provisioners/index.ts';\nx();`, undefined],
  ['the CLI loading a simulator lazily', 'src/cli/c.ts', `export const f = (): unknown => import('../../simulators/two/x.ts');`, undefined],
  ['the CLI loading a simulator at once', 'src/cli/d.ts', `import { x } from '../../simulators/two/x.ts';\nx();`, 'house(import-direction)'],
  ['the agent loading a simulator lazily', 'src/agent/g.ts', `export const f = (): unknown => import('../../simulators/two/x.ts');`, 'house(import-direction)'],
  ['a simulator importing the ledger', 'simulators/two/a.ts', `import { x } from '../../src/ledger/x.ts';\nx();`, 'house(import-direction)'],
  ['a simulator importing the platform', 'simulators/two/b.ts', `import { x } from '../../src/platform/x.ts';\nx();`, undefined],
  ['a room that nobody drew arrows for', 'src/attic/a.ts', `import { x } from '../ledger/x.ts';\nx();`, 'house(import-direction)'],
  ['a file outside every room', 'src/stray.ts', `import { x } from './ledger/x.ts';\nx();`, 'house(import-direction)'],
  ['shipped code importing a test', 'src/host/y.ts', `import { x } from './x.test.ts';\nx();`, 'house(import-direction)'],
  ['a type import in a type', 'src/ports/b.ts', `export type Y = import('../ledger/x.ts').X;`, 'house(import-direction)'],
];

const root = resolve(import.meta.dirname, '../..');
let project: string;
let broken: Map<string, string[]>;

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'dc-lint-'));
  await writeProject(project);
  broken = await lint(project);
});

afterAll(() => rm(project, { recursive: true, force: true }));

describe('the house rules', () => {
  test.each(CASES)('%s', (_does, path, _code, rule) => {
    expect(broken.get(path) ?? []).toEqual(rule === undefined ? [] : expect.arrayContaining([rule]));
  });
});

async function writeProject(directory: string): Promise<void> {
  const config = JSON.parse(await readFile(join(root, '.oxlintrc.json'), 'utf8')) as Record<string, unknown>;
  config['jsPlugins'] = [join(root, 'tools/lint/plugin.js')];
  delete config['$schema'];
  const compilerOptions = {
    strict: true,
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2023', 'dom'],
    types: [],
    noEmit: true,
  };
  await write(directory, '.oxlintrc.json', JSON.stringify(config));
  await write(
    directory,
    'tsconfig.json',
    JSON.stringify({ compilerOptions: { ...compilerOptions, allowImportingTsExtensions: true } }),
  );
  await write(directory, 'package.json', '{"type":"module"}');
  // The type-aware part is looked up from the directory that is linted.
  await symlink(join(root, 'node_modules'), join(directory, 'node_modules'));
  const rooms = ['agent', 'cli', 'config', 'guest', 'ledger', 'lifecycle', 'platform', 'ports', 'provisioner'].map(
    (room) => `src/${room}`,
  );
  for (const room of [...rooms, 'provisioners/two', 'simulators/two']) {
    await write(directory, `${room}/x.ts`, 'export type X = number;\nexport const x = (): number => 1;\n');
  }
  await write(directory, 'src/host/x.test.ts', 'export const x = (): number => 1;\n');
  for (const [, path, code] of CASES) await write(directory, path, `${code}\n`);
}

async function write(directory: string, path: string, text: string): Promise<void> {
  await mkdir(dirname(join(directory, path)), { recursive: true });
  await writeFile(join(directory, path), text);
}

/** Runs the linter itself and returns the broken rules by file. */
async function lint(directory: string): Promise<Map<string, string[]>> {
  const binary = join(root, 'node_modules/oxlint/bin/oxlint');
  const stdout = await new Promise<string>((done) => {
    execFile(process.execPath, [binary, '-f', 'json'], { cwd: directory, maxBuffer: 1 << 26 }, (_error, out) =>
      done(out),
    );
  });
  if (!stdout.startsWith('{')) throw new Error(`the linter did not start: ${stdout}`);
  const report = JSON.parse(stdout) as { diagnostics: { code: string; filename: string }[] };
  const found = new Map<string, string[]>();
  for (const { filename, code } of report.diagnostics) found.set(filename, [...(found.get(filename) ?? []), code]);
  return found;
}
