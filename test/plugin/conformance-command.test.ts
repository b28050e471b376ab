import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { EXIT } from '../../src/cli/exit.ts';
import { type Built, buildProgram, start } from '../cli/built.ts';
import { type Ground, prepareGround } from '../cli/ground.ts';
import { type Prefix, preparePrefix } from './prefix.ts';

describe('dc-agent conformance', () => {
  let ground: Ground;
  beforeEach(async () => {
    ground = await prepareGround();
  });
  afterEach(() => ground.close());

  const machines = (): number => ground.sandbox.core.snapshot().machines.length;
  const notes = async (): Promise<string[]> => {
    const names = await readdir(join(ground.home, 'state')).catch((): string[] => []);
    return names.includes('test-provision') ? readdir(join(ground.home, 'state', 'test-provision')) : [];
  };

  test('says what it will make, and makes nothing unless the target is named once more', async () => {
    for (const answer of ['', 'y\n', 'other\n']) {
      const { code, err } = await ground.dc(['conformance', 'sandbox'], { input: async () => answer });
      expect(code).toBe(EXIT.failed);
      expect(err).toContain('at most 60 in all, at most 4 at the same time');
      expect(err).toContain('Nothing was made.');
    }
    expect(ground.sandbox.core.calls.create).toBe(0);
  });

  test('makes no more machines than its budget, removes them all, and leaves everybody else’s alone', async () => {
    const foreign = ground.sandbox.core.admin.addForeign();
    const argv = ['conformance', 'sandbox', '--budget=6', '--parallel=2', '--json'];
    const { code, out } = await ground.dc(argv, { input: async () => 'sandbox\n' });
    const result = JSON.parse(out);
    expect(result).toMatchObject({ ok: true, target: 'sandbox', machines: 6, left: [], interrupted: false });
    expect(code).toBe(EXIT.ok);
    const verdicts = (wanted: string): { rule: string; why: string }[] =>
      result.rules.filter(({ verdict }: { verdict: string }) => verdict === wanted);
    expect(verdicts('kept').length).toBeGreaterThan(2);
    expect(verdicts('broken')).toEqual([]);
    expect(verdicts('skipped').filter(({ why }) => why.includes('budget of 6 machines')).length).toBeGreaterThan(10);
    expect(ground.sandbox.core.calls.create).toBeLessThanOrEqual(6);
    expect(ground.sandbox.core.snapshot().machines.map(({ id }) => id)).toEqual([foreign]);
    expect(await notes()).toEqual([]);
  });

  test('a backend that breaks a promise is a failure, with the rule that it broke', async () => {
    ground.sandbox.core.faults.add({ call: 'create', times: 100, fault: { kind: 'no-capacity' } });
    const { code, out, err } = await ground.dc(['conformance', 'sandbox', '--yes', '--budget=2']);
    expect(code).toBe(EXIT.failed);
    expect(out).toMatch(/^FAIL {2}\d+ rules kept, [12] broken, \d+ skipped; 2 machines made$/);
    expect(err).toMatch(/BROKEN {2} create: makes one running machine that carries the stamp: .*no_capacity/);
  });

  test('Ctrl-C ends the rule that is under way, and removes what it made', async () => {
    const controller = new AbortController();
    ground.sandbox.core.onChange(({ state }) => {
      if (state === 'starting') controller.abort(new Error('interrupted'));
    });
    const { code, out } = await ground.dc(['conformance', 'sandbox', '--yes'], { signal: controller.signal });
    expect(code).toBe(EXIT.failed);
    expect(out).toContain('interrupted');
    expect(machines()).toBe(0);
    expect(await notes()).toEqual([]);
  });

  test('what cannot be removed is told, and test-provision --cleanup removes it later', async () => {
    const { core } = ground.sandbox;
    let cut = (): void => {};
    const made = core.onChange(({ state }) => {
      if (state !== 'running') return;
      made();
      cut = core.faults.add({ call: 'delete', times: 1000, fault: { kind: 'status', status: 500 } });
    });
    const { code, err } = await ground.dc(['conformance', 'sandbox', '--yes', '--budget=1']);
    expect(code).toBe(EXIT.failed);
    expect(err).toContain('A machine may be left: ');
    expect(err).toContain('test-provision --cleanup');
    expect(await notes()).toHaveLength(1);
    cut();
    // The note names this process, which is still alive; a real run would have ended.
    const [note = ''] = await notes();
    const file = join(ground.home, 'state', 'test-provision', note);
    const { pid: _pid, ...record } = JSON.parse(await readFile(file, 'utf8'));
    await writeFile(file, JSON.stringify(record));
    expect((await ground.dc(['test-provision', '--cleanup'])).code).toBe(EXIT.ok);
    expect(machines()).toBe(0);
  });

  test.each([['nowhere'], ['sandbox', '--budget=0'], ['sandbox', '--parallel=1.5'], ['sandbox', '--timeout=soon']])(
    '%s %s is a usage error',
    async (...argv) => {
      expect((await ground.dc(['conformance', '--yes', ...argv])).code).toBe(EXIT.usage);
      expect(ground.sandbox.core.calls.create).toBe(0);
    },
  );
});

describe('a third-party plugin in the shipped program', () => {
  let built: Built;
  let prefix: Prefix;
  let home: string;
  beforeAll(async () => {
    [built, prefix] = await Promise.all([buildProgram(), preparePrefix()]);
    home = await realpath(await mkdtemp(join(tmpdir(), 'dc-third-')));
    await mkdir(join(home, 'shelf'));
    await writeFile(join(home, 'agent.key'), '11'.repeat(32), { mode: 0o600 });
  });
  afterAll(async () => {
    await Promise.all([built.remove(), prefix.remove(), rm(home, { recursive: true })]);
  });

  async function dc(type: string, ...argv: string[]) {
    const text = [
      '[api]',
      'endpoint = "http://127.0.0.1:9"',
      `provider_pubkey = "${'22'.repeat(32)}"`,
      `agent_secret_key = "${join(home, 'agent.key')}"`,
      '[agent]',
      `state_dir = "${join(home, 'state')}"`,
      '[[targets]]',
      'name = "lab"',
      `type = "${type}"`,
      `directory = "${join(home, 'shelf')}"`,
    ].join('\n');
    await writeFile(join(home, 'a.toml'), text, { mode: 0o600 });
    const process = start(built.file, ['--config', join(home, 'a.toml'), ...argv]);
    const { code } = await process.ended;
    return { code, out: process.out(), err: process.err() };
  }

  test('is loaded from the file that a target names, and keeps the contract on its real backend', async () => {
    const file = join(prefix.home('dc-agent-plugin-shelf'), 'index.js');
    const { code, out, err } = await dc(`file:${file}`, 'conformance', 'lab', '--yes', '--budget=200', '--json');
    expect(err).not.toMatch(/BROKEN|error:/);
    const { ok, rules } = JSON.parse(out);
    expect({ code, ok }).toEqual({ code: EXIT.ok, ok: true });
    const kept = rules.filter(({ verdict }: { verdict: string }) => verdict === 'kept');
    expect(kept.length).toBeGreaterThan(25);
    expect(await readdir(join(home, 'shelf'))).toEqual([]);
  });

  test('is refused with the line that names it, and nothing of it runs', async () => {
    const file = join(home, 'loud.mjs');
    await writeFile(file, 'process.stdout.write("I ran");');
    await chmod(file, 0o666);
    const { code, out, err } = await dc(`file:${file}`, 'conformance', 'lab', '--yes');
    await rm(file);
    expect({ code, out }).toEqual({ code: EXIT.config, out: '' });
    expect(err).toMatch(/a\.toml:9:1: targets\[0\]\.type: is not loaded: .*loud\.mjs may be changed/);
  });
});
