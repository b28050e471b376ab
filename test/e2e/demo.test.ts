import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  askEngine,
  buildImage,
  engineSocket,
  idsWith,
  noEngine,
  whySkipped,
} from '../../provisioners/docker/test-engine.ts';
import type { DemoReport } from '../../simulators/demo/report.ts';
import { EXIT } from '../../src/cli/exit.ts';
import { type Built, buildProgram, type Process, start } from '../cli/built.ts';

let built: Built;
let temporary: string;
let running: Process | undefined;

beforeAll(async () => {
  built = await buildProgram();
});
afterAll(() => built.remove());
beforeEach(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'dc-t-'));
});
afterEach(async () => {
  running?.signal('SIGKILL');
  await running?.ended;
  await rm(temporary, { recursive: true, force: true });
});

function demo(words: readonly string[], env: Readonly<Record<string, string>> = {}): Process {
  running = start(built.file, ['dev', 'demo', ...words], { TMPDIR: temporary, ...env });
  return running;
}

/** What the running demonstration says, wherever it says it. */
function found(process: Process, pattern: RegExp): string {
  const [, match] = pattern.exec(process.out() + process.err()) ?? [];
  if (match === undefined) throw new Error(`not said: ${String(pattern)} in ${process.out()}${process.err()}`);
  return match;
}

/** Neither the agent nor a command of it runs, nothing listens, and no file is left but those named. */
async function expectNothingLeft(process: Process, files: readonly string[] = []): Promise<void> {
  expect(await commandLinesWith(built.file)).toEqual([]);
  expect(await readdir(temporary)).toEqual(files);
  expect(await answers(found(process, /over HTTP: http:\/\/127\.0\.0\.1:(\d+)/))).toBe(false);
}

async function commandLinesWith(word: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  // A process may end while it is looked at.
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')));
  return lines.filter((line) => line.includes(word));
}

function answers(port: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: Number(port) });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** The figures of a demonstration that went well, all of which add up. */
async function figuresOf(process: Process, contracts: number): Promise<DemoReport> {
  const { code } = await process.ended;
  expect({ code, err: code === EXIT.ok ? '' : process.err() }).toEqual({ code: EXIT.ok, err: '' });
  const report: DemoReport = JSON.parse(process.out());
  expect(report.contracts).toHaveLength(contracts);
  for (const { delivery, removal } of report.contracts) {
    for (const stretch of [delivery, removal]) {
      const parts = [stretch?.waitMs, ...Object.values(stretch?.steps ?? {}), stretch?.ownMs];
      expect(parts.reduce((sum: number, ms) => sum + (ms ?? Number.NaN), 0)).toBe(stretch?.totalMs);
    }
    expect(Object.keys(delivery?.steps ?? {})).toEqual(['claim', 'announce', 'create', 'verify', 'deliver']);
    expect(Object.keys(removal?.steps ?? {})).toEqual(['destroy', 'terminate']);
  }
  return report;
}

describe('the demonstration on the sandbox', () => {
  test('three contracts become machines that let their tenants in, and are gone at the end', async () => {
    const process = demo(['--backend', 'sandbox', '--contracts', '3', '--json']);
    const report = await figuresOf(process, 3);
    expect(report.backend).toMatchObject({ type: 'sandbox', simulated: true });
    for (const { contract, login } of report.contracts) {
      expect(login.output).toMatch(new RegExp(`^root\ndc-${contract.slice(0, 16)}\n`));
      expect(login.output).toContain('simulated machine');
    }
    expect(new Set(report.contracts.map(({ ssh }) => ssh.port)).size).toBe(3);
    await expectNothingLeft(process);
  });

  test('the story for people shows the agent’s steps, says what is simulated, and ends with the table', async () => {
    const process = demo(['--backend', 'sandbox']);
    expect(await process.ended).toEqual({ code: EXIT.ok, signal: null });
    expect(process.err()).toBe('');
    const story = process.out();
    const order = [
      'setup token',
      'claim begun',
      'create done',
      'verify done',
      'deliver done',
      '| root',
      'destroy done',
      'terminate done',
      'refuses connections',
      'TOTAL',
    ];
    const places = order.map((words) => story.indexOf(words));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(Math.min(...places)).toBeGreaterThan(0);
    expect(story).toContain('on sandbox (simulated)');
    // Nobody asked for colours, and this is no terminal.
    expect(story).not.toContain(String.fromCharCode(27));
    await expectNothingLeft(process);
  });

  test('many contracts are summed up', async () => {
    const process = demo(['--backend', 'sandbox', '--contracts', '12']);
    expect(await process.ended).toEqual({ code: EXIT.ok, signal: null });
    expect(process.err()).toBe('');
    expect(process.out()).toMatch(/^median .*\n {0,2}p95 /m);
    await expectNothingLeft(process);
  });

  test('--keep stays up, its advice works as it stands, and Ctrl-C ends it in order', async () => {
    const process = demo(['--backend', 'sandbox', '--keep']);
    await process.says(/Ctrl-C cancels everything/);
    const config = found(process, /--config (\S+) run/);
    const status = start(built.file, ['--config', config, 'status', '--json']);
    expect(await status.ended).toEqual({ code: EXIT.ok, signal: null });
    expect(JSON.parse(status.out())).toMatchObject({ running: true, contracts: [{ phase: 'running' }] });
    const key = found(process, /ssh -i (\S+) -p/);
    expect((await stat(key)).mode & 0o777).toBe(0o600);
    process.signal('SIGINT');
    expect(await process.ended).toEqual({ code: EXIT.ok, signal: null });
    expect(process.out()).toContain('terminate done');
    await expectNothingLeft(process);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s in the middle takes everything back and is a failure',
    async (signal) => {
      const process = demo(['--backend', 'sandbox']);
      await process.says(/create begun/);
      process.signal(signal);
      process.signal(signal);
      expect(await process.ended).toEqual({ code: EXIT.failed, signal: null });
      expect(process.err()).toBe('error: interrupted\n');
      await expectNothingLeft(process);
    },
  );

  test.each([
    ['stdout', []],
    ['stderr', ['--json']],
  ] as const)('a reader who has had enough of %s ends it, and nothing is left', async (stream, words) => {
    const child = spawn(process.execPath, [built.file, 'dev', 'demo', '--backend', 'sandbox', ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], TMPDIR: temporary },
    });
    child.stderr.resume();
    child.stdout.resume();
    const closed = once(child, 'close');
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      if (text.includes('create begun')) child[stream].destroy();
    });
    expect(await closed).toEqual([EXIT.failed, null]);
    expect(await commandLinesWith(built.file)).toEqual([]);
    expect(await readdir(temporary)).toEqual([]);
  });

  test('an agent that dies is a failure that says so and where its log is', async () => {
    const process = demo(['--backend', 'sandbox', '--keep']);
    await process.says(/Ctrl-C cancels everything/);
    const agent = Number(found(process, /process (\d+), ready/));
    globalThis.process.kill(agent, 'SIGKILL');
    expect(await process.ended).toEqual({ code: EXIT.failed, signal: null });
    expect(process.err()).toContain('the agent ended by itself, with signal SIGKILL');
    const log = found(process, /log is kept: (\S+)/);
    expect(await readFile(log, 'utf8')).toContain('agent is running');
    expect((await stat(log)).mode & 0o777).toBe(0o600);
    await expectNothingLeft(process, [log.slice(temporary.length + 1)]);
  });

  test('an engine that does not answer is named when it was asked for, and is no hindrance when not', async () => {
    const nowhere = { DOCKER_HOST: `unix://${join(temporary, 'no.sock')}` };
    const asked = demo(['--backend', 'docker'], nowhere);
    expect(await asked.ended).toEqual({ code: EXIT.failed, signal: null });
    expect(asked.err()).toContain(join(temporary, 'no.sock'));
    expect(asked.err()).toContain('--backend sandbox');
    expect(await readdir(temporary)).toEqual([]);
    const unasked = demo(['--json'], nowhere);
    expect((await figuresOf(unasked, 1)).backend.type).toBe('sandbox');
    expect(unasked.err()).toContain('Docker is not used');
    await expectNothingLeft(unasked);
  });

  test.each([
    ['--backend', 'proxmox'],
    ['--contracts', '0'],
    ['--contracts', 'many'],
    ['--contracts', '101'],
  ])('%s %s is refused before anything is begun', async (...words) => {
    const process = demo(words);
    expect(await process.ended).toEqual({ code: EXIT.usage, signal: null });
    expect(process.err()).toContain(words[0]);
    expect(process.out()).toBe('');
  });
});

describe.skipIf(noEngine)(`the demonstration on Docker${whySkipped}`, () => {
  const engine = { DOCKER_HOST: `unix://${engineSocket}` };

  beforeAll(() => buildImage());

  async function expectEngineClean(process: Process): Promise<void> {
    const network = found(process, /network (dc-demo-\w+)/);
    expect((await askEngine('GET', `/networks/${network}`)).status).toBe(404);
  }

  test('two contracts become containers that let their tenants in, and are gone at the end', async () => {
    const process = demo(['--backend', 'docker', '--contracts', '2', '--json'], engine);
    const report = await figuresOf(process, 2);
    expect(report.backend).toMatchObject({ type: 'docker', simulated: false });
    for (const { contract, login } of report.contracts) {
      expect(login.output).toMatch(new RegExp(`^root\ndc-${contract.slice(0, 16)}\n`));
      expect(await idsWith({ 'dc-contract-id': contract })).toEqual([]);
    }
    await expectEngineClean(process);
    await expectNothingLeft(process);
  });

  test('Ctrl-C while a container is being made leaves neither it nor its network', async () => {
    const process = demo(['--backend', 'docker'], engine);
    await process.says(/create begun/);
    const contract = found(process, /contract ([0-9a-f]{64})/);
    process.signal('SIGINT');
    expect(await process.ended).toEqual({ code: EXIT.failed, signal: null });
    expect(process.err()).toContain('interrupted');
    expect(await idsWith({ 'dc-contract-id': contract })).toEqual([]);
    await expectEngineClean(process);
    await expectNothingLeft(process);
  });
});
