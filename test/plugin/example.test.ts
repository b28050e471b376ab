import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadPlugins } from '../../src/cli/plugins/load.ts';
import { type Bench, provisionerConformance, sampleOrder } from '../../src/provisioner/conformance.ts';
import {
  type ExternalId,
  type ProvisionerPlugin,
  silentLog,
  systemClock,
  systemRandom,
} from '../../src/provisioner/index.ts';
import { type Prefix, preparePrefix } from './prefix.ts';
import { AGENT } from './sandbox-bench.ts';

const ROOT = join(import.meta.dirname, '../..');
const EXAMPLE = 'npm:dc-agent-plugin-shelf';

let prefix: Prefix;
let plugin: ProvisionerPlugin;

beforeAll(async () => {
  prefix = await preparePrefix();
  const { plugins, refused } = await loadPlugins([EXAMPLE], prefix.directory);
  if (refused.size > 0) throw new Error([...refused.values()].join('\n'));
  const loaded = plugins.get(EXAMPLE);
  if (loaded === undefined) throw new Error('the example was not loaded');
  plugin = loaded;
});
afterAll(() => prefix.remove());

provisionerConformance({ name: 'the worked example, installed as a package,', open, describe, test });

interface FileMachine {
  readonly stamp: { readonly contract?: string };
  readonly power: string;
}

async function open(): Promise<Bench> {
  const shelf = await mkdtemp(join(tmpdir(), 'dc-shelf-'));
  const settings = plugin.settings.parse({ directory: shelf });
  const deps = { agent: AGENT, target: 'shelf', clock: systemClock, random: systemRandom, log: silentLog };
  const provisioner = await plugin.open(settings, deps);
  const fileOf = (id: string): string => join(shelf, `${id}.json`);
  const read = async (file: string): Promise<FileMachine> => JSON.parse(await readFile(join(shelf, file), 'utf8'));
  const stranger = { stamp: { agent: '', contract: '', operation: '' }, power: 'running', keys: [] };
  const names = async (): Promise<string[]> => readdir(shelf);
  /** Another thing where the shelf was, until the end. */
  const instead = async (put: (path: string) => Promise<unknown>): Promise<() => Promise<void>> => {
    await rename(shelf, `${shelf}-away`);
    await put(shelf);
    return async () => {
      await rm(shelf, { force: true });
      await rename(`${shelf}-away`, shelf);
    };
  };
  return {
    provisioner,
    order: (overrides) => sampleOrder(AGENT, overrides),
    async count({ contract }) {
      const machines = await Promise.all((await names()).filter((name) => name.endsWith('.json')).map(read));
      return machines.filter(({ stamp }) => stamp.contract === contract).length;
    },
    keys: async (id) => JSON.parse(await readFile(fileOf(id), 'utf8')).keys,
    leftovers: names,
    foreign: {
      async add() {
        const id = randomBytes(16).toString('hex') as ExternalId;
        await writeFile(fileOf(id), JSON.stringify(stranger));
        return id;
      },
      exists: async (id) => (await read(`${id}.json`)).stamp.contract === '',
    },
    faults: {
      partialList: async () => writeFile(fileOf('unreadable'), '{'),
      unreachable: () => instead(async () => {}),
      failing: () => instead((path) => writeFile(path, 'no directory')),
      loseMachine: async (id) => rm(fileOf(id)),
      powerOff: async (id) =>
        writeFile(fileOf(id), JSON.stringify({ ...(await read(`${id}.json`)), power: 'stopped' })),
      giveIdToStranger: async (id) => writeFile(fileOf(id), JSON.stringify(stranger)),
    },
    cleanup: () => rm(shelf, { recursive: true, force: true }),
  };
}

describe('the worked example', () => {
  test('is the one in docs/plugins.md (UPDATE_DOCS=1 rewrites that), and fits on three screens', async () => {
    const [code, document] = await Promise.all([
      readFile(join(ROOT, 'examples/plugin/index.js'), 'utf8'),
      readFile(join(ROOT, 'docs/plugins.md'), 'utf8'),
    ]);
    expect(code.split('\n').length).toBeLessThan(150);
    const block = /(<!-- examples\/plugin\/index\.js -->\n```js\n)[\s\S]*?(^```$)/m;
    const expected = document.replace(block, (_all, before: string, after: string) => `${before}${code}${after}`);
    if (process.env['UPDATE_DOCS'] === '1') await writeFile(join(ROOT, 'docs/plugins.md'), expected);
    expect(document).toMatch(block);
    expect(process.env['UPDATE_DOCS'] === '1' ? expected : document).toBe(expected);
  });

  test('fits the types that the package ships', async () => {
    const file = join(prefix.home('dc-agent-plugin-shelf'), 'index.js');
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const options = ['--ignoreConfig', '--noEmit', '--allowJs', '--checkJs', '--strict', '--noImplicitAny', 'false'];
    const where = [
      '--module',
      'nodenext',
      '--target',
      'es2023',
      '--types',
      'node',
      '--typeRoots',
      join(ROOT, 'node_modules/@types'),
    ];
    const checked = await promisify(execFile)(
      process.execPath,
      [tsc, ...options, ...where, '--useUnknownInCatchVariables', 'false', file],
      {
        cwd: prefix.home('dc-agent-plugin-shelf'),
      },
    ).catch((error: unknown) => error as { stdout: string });
    expect(checked.stdout).toBe('');
  });

  test('is proven by the kit of the package too, in plain Node', async () => {
    const script = join(prefix.home('dc-agent-plugin-shelf'), 'prove.mjs');
    await writeFile(script, PROOF);
    const { stdout } = await promisify(execFile)(process.execPath, [script]);
    const { kept, broken } = JSON.parse(stdout) as { kept: number; broken: string[] };
    expect(broken).toEqual([]);
    expect(kept).toBeGreaterThan(25);
  });

  test('throws errors that the agent knows, though they are of another copy of the class', async () => {
    const { isProvisionerError, ProvisionerError } = await import('../../src/provisioner/index.ts');
    const shelf = await mkdtemp(join(tmpdir(), 'dc-shelf-'));
    await mkdir(join(shelf, 'x'));
    const deps = { agent: AGENT, target: 'shelf', clock: systemClock, random: systemRandom, log: silentLog };
    const provisioner = await plugin.open(plugin.settings.parse({ directory: join(shelf, 'nowhere') }), deps);
    const error: unknown = await provisioner
      .inventory({ signal: new AbortController().signal, log: silentLog })
      .catch((thrown: unknown) => thrown);
    expect(error).not.toBeInstanceOf(ProvisionerError);
    expect(isProvisionerError(error) && error.kind).toBe('retry');
    await rm(shelf, { recursive: true });
  });
});

/** As an author without a test runner would do it: rules are collected and run one after the other, on a shelf each. */
const PROOF = `
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { silentLog, systemClock, systemRandom } from 'dc-agent/provisioner';
import { provisionerConformance, sampleOrder } from 'dc-agent/provisioner-kit';
import { plugin } from './index.js';

const agent = 'a'.repeat(64);
const rules = [];
provisionerConformance({
  name: 'shelf',
  describe: (_name, body) => body(),
  test: (name, body) => rules.push({ name, body }),
  async open() {
    const directory = await mkdtemp(tmpdir() + '/dc-shelf-');
    const deps = { agent, target: 'shelf', clock: systemClock, random: systemRandom, log: silentLog };
    return {
      provisioner: await plugin.open(plugin.settings.parse({ directory }), deps),
      order: (overrides) => sampleOrder(agent, overrides),
      cleanup: () => rm(directory, { recursive: true }),
    };
  },
});
let kept = 0;
const broken = [];
for (const { name, body } of rules) {
  let skipped = false;
  try {
    await body({ skip: () => (skipped = true) });
    if (!skipped) kept += 1;
  } catch (error) {
    broken.push(name + ': ' + error.message);
  }
}
process.stdout.write(JSON.stringify({ kept, broken }));
`;
