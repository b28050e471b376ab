import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EXIT } from '../../src/cli/exit.ts';
import { type Built, buildProgram, type Process, start } from './built.ts';
import { type Background, background, type Run, typed } from './harness.ts';

/** A provider's first hour, command by command, against the simulated platform and backend: each test goes on where the one before ended. */
describe('from nothing to a rented machine', () => {
  let home: string;
  let built: Built;
  let platform: Background;
  let sandbox: Background;
  let facts: { url: string; adminUrl: string; setupToken: string; providerKey: string; offering: number };
  let agent: Process | undefined;
  let contract = '';

  const dc = (...argv: string[]): Promise<Run> =>
    typed(['--config', join(home, 'a.toml'), ...argv], { env: { HOME: home } });
  const admin = async (verb: string, body?: object): Promise<unknown> => {
    const request = body && {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    };
    const answer = await fetch(`${facts.adminUrl}/${verb}`, request);
    expect(answer.status).toBe(200);
    return answer.json();
  };

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'dc-cli-'));
    built = await buildProgram();
    platform = background(['dev', 'platform', '--json']);
    sandbox = background(['dev', 'sandbox', '--socket', join(home, 'sandbox.sock'), '--json']);
    facts = JSON.parse(await platform.first);
    await sandbox.first;
  });

  afterAll(async () => {
    agent?.signal('SIGKILL');
    await agent?.ended;
    await Promise.all([platform.stop(), sandbox.stop()]);
    await built.remove();
    await rm(home, { recursive: true, force: true });
  });

  test('without a configuration every command that needs one ends with 78 and says how to get one', async () => {
    for (const words of [
      ['run'],
      ['status'],
      ['doctor'],
      ['explain', 'ab'],
      ['drain'],
      ['resume'],
      ['approve', '--all'],
      ['test-provision'],
    ]) {
      const { code, out, err } = await dc(...words);
      expect({ words, code }).toEqual({ words, code: EXIT.config });
      expect(out + err).toMatch(/make one with: dc-agent --config \S+ setup token/);
    }
  });

  test('setup token registers and writes a configuration that only its owner reads', async () => {
    const { code, out, err } = await dc(
      'setup',
      'token',
      `--token=${facts.setupToken}`,
      `--api-url=${facts.url}`,
      '--provisioner=sandbox',
      `--set=socket_path=${join(home, 'sandbox.sock')}`,
      `--state-dir=${join(home, 'state')}`,
    );
    expect(err).toContain('Made the agent key');
    expect(code).toBe(EXIT.ok);
    expect(out).toContain(`dc-agent --config ${join(home, 'a.toml')} run`);
    for (const file of ['a.toml', '.dc-agent/agent.key'])
      expect((await stat(join(home, file))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(home, 'a.toml'), 'utf8')).not.toContain(
      await readFile(join(home, '.dc-agent/agent.key'), 'utf8'),
    );
  });

  test('doctor finds everything in order, and leaves no trace, here or at the platform', async () => {
    for (const round of [1, 2]) {
      const { code, out } = await dc('doctor', '--json');
      const report = JSON.parse(out);
      expect({ round, code }).toEqual({ round, code: EXIT.ok });
      expect(Object.keys(report)).toEqual(['version', 'ok', 'counts', 'sections']);
      const codes = report.sections.flatMap((section: { findings: { code: string }[] }) =>
        section.findings.map((one) => one.code),
      );
      expect(codes).toContain('platform.key');
      expect(codes).toContain('platform.agent.unseen');
    }
    await expect(stat(join(home, 'state'))).rejects.toThrow('ENOENT');
  });

  test('doctor advises commands that work as they stand', async () => {
    const broken = join(home, 'broken file.toml');
    await writeFile(broken, '[api]\nendpint = "https://example.org"\n');
    const { code, out } = await typed(['--config', broken, 'doctor']);
    expect(code).toBe(EXIT.config);
    expect(out).toContain(`dc-agent --config '${broken}' config check`);
  });

  test('test-provision makes a machine, logs in to it, and leaves none', async () => {
    const { code, out, err } = await dc('test-provision');
    expect(err).toContain('usable: ssh');
    expect({ code, out }).toEqual({
      code: EXIT.ok,
      out: expect.stringMatching(/^PASS {2}A machine was made .* and removed/),
    });
    expect((await dc('test-provision', '--cleanup')).out).toBe('Nothing is left of earlier test runs.');
  });

  test('before the agent runs, status says so and ends with 3', async () => {
    const { code, out } = await dc('status');
    expect(code).toBe(EXIT.notRunning);
    expect(out).toContain('The agent is not running');
    expect(out).toContain(`dc-agent --config ${join(home, 'a.toml')} run`);
    const document = JSON.parse((await dc('status', '--json')).out);
    expect(Object.keys(document)).toEqual(['running', 'stateDir', 'endpoint', 'contracts', 'quarantined', 'problems']);
    for (const words of [['drain'], ['resume'], ['approve', '--all']])
      expect((await dc(...words)).code).toBe(EXIT.notRunning);
  });

  test('run takes a contract to a machine, with JSON lines that carry the contract', async () => {
    agent = start(built.file, ['--config', join(home, 'a.toml'), 'run', '--log-level', 'debug']);
    await agent.says(/"agent is running"/);
    const rented = (await admin('rent', { offering: facts.offering, sshKey: SSH_KEY })) as { contractId: string };
    contract = rented.contractId;
    await agent.says(/"step":"deliver","ms":\d+,"msg":"step done"/);
    const lines = agent
      .out()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    for (const line of lines)
      expect(line).toMatchObject({ level: expect.any(String), time: expect.any(String), msg: expect.any(String) });
    expect(lines.filter((line) => line.step === 'create').map((line) => line.contract)).toContain(contract);
    expect(agent.err()).toBe('');
  });

  test('status shows it, and its JSON keeps its keys', async () => {
    const { code, out } = await dc('status');
    expect(code).toBe(EXIT.ok);
    expect(out).toContain(contract.slice(0, 12));
    expect(out).toContain('sandbox (simulated)');
    const document = JSON.parse((await dc('status', '--json')).out);
    expect(document).toMatchObject({
      running: true,
      version: expect.any(String),
      pid: agent?.pid,
      startedAt: expect.any(Number),
      agent: expect.stringMatching(/^[0-9a-f]{64}$/),
      endpoint: facts.url,
      stateDir: join(home, 'state'),
      phase: 'running',
      platform: { state: 'ok', lastHeartbeatAt: expect.any(Number), lastWorkListAt: expect.any(Number) },
      targets: [{ name: 'sandbox', type: 'sandbox', simulated: true, state: 'ok', machines: 1, busy: 0, limit: 4 }],
      contracts: [
        {
          contract,
          target: 'sandbox',
          phase: 'running',
          since: expect.any(Number),
          owed: 0,
          simulated: true,
          ssh: { host: '127.0.0.1' },
        },
      ],
      declined: [],
      breaker: { state: 'closed', held: [] },
      findings: [],
    });
  });

  test('status --watch shows one document per change, and ends well', async () => {
    const watching = background(['--config', join(home, 'a.toml'), 'status', '--watch', '--json']);
    expect(JSON.parse(await watching.first)).toMatchObject({ phase: 'running' });
    expect((await watching.stop()).code).toBe(EXIT.ok);
  });

  test('explain tells what happened, when, why, and what comes next', async () => {
    const { code, out } = await dc('explain', contract.slice(0, 8));
    expect(code).toBe(EXIT.ok);
    for (const words of [
      'phase     running',
      'next      nothing: the contract runs',
      'taken for target sandbox',
      'create done',
      'deliver done',
    ]) {
      expect(out).toContain(words);
    }
    expect(out).toMatch(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d .*verify begun +waits until the tenant’s key is accepted/);
    const story = JSON.parse((await dc('explain', contract, '--json')).out);
    expect(Object.keys(story)).toEqual(['contract', 'target', 'phase', 'why', 'next', 'hostKey', 'entries']);
    expect(story.entries[0]).toEqual({
      at: expect.any(Number),
      type: 'admitted',
      text: 'taken for target sandbox',
      detail: expect.any(String),
    });
    expect(story.entries[1]).toMatchObject({ type: 'intent', step: 'claim' });
  });

  test('explain of a contract that nobody knows says where to look', async () => {
    const { code, err } = await dc('explain', '0'.repeat(64));
    expect(code).toBe(EXIT.failed);
    expect(err).toContain(`dc-agent --config ${join(home, 'a.toml')} status`);
  });

  test('drain takes nothing new and keeps the machine; resume takes it up again', async () => {
    expect(await dc('drain', '--wait')).toMatchObject({
      code: EXIT.ok,
      out: expect.stringContaining('Drained: nothing is under way.'),
    });
    expect(JSON.parse((await dc('status', '--json')).out)).toMatchObject({
      phase: 'drained',
      contracts: [{ contract, phase: 'running' }],
    });
    expect((await dc('resume')).code).toBe(EXIT.ok);
    expect(JSON.parse((await dc('status', '--json')).out)).toMatchObject({ phase: 'running' });
  });

  test('approve needs to be told what, and says when nothing is held back', async () => {
    expect((await dc('approve')).code).toBe(EXIT.usage);
    expect((await dc('approve', '--all', 'ab')).code).toBe(EXIT.usage);
    expect(await dc('approve', '--all')).toMatchObject({ code: EXIT.ok, out: 'Nothing is held back.' });
  });

  test('a second agent on the same state directory is refused and says why', async () => {
    const second = start(built.file, ['--config', join(home, 'a.toml'), 'run']);
    expect(await second.ended).toEqual({ code: EXIT.failed, signal: null });
    expect(second.err()).toContain(`another dc-agent (process ${agent?.pid})`);
  });

  test('doctor beside the running agent sends a heartbeat only when asked, with the true count', async () => {
    const quiet = await dc('doctor');
    expect(quiet.code).toBe(EXIT.ok);
    expect(quiet.out).toContain('The agent is running');
    expect(quiet.out).not.toContain('took a heartbeat');
    expect((await dc('doctor', '--send-heartbeat')).out).toContain('(1 contracts)');
  });

  test('a signal ends the agent with 0, and the machine outlives it', async () => {
    agent?.signal('SIGTERM');
    expect(await agent?.ended).toEqual({ code: EXIT.ok, signal: null });
    const { code, out } = await dc('status');
    expect(code).toBe(EXIT.notRunning);
    expect(out).toContain(contract.slice(0, 12));
    expect(await admin('contracts')).toMatchObject([{ contractId: contract, status: 'active', terminated: false }]);
    expect((await dc('explain', contract)).code).toBe(EXIT.ok);
  });

  test('doctor --test-provision proves every target with a real machine', async () => {
    const { code, out } = await dc('doctor', '--test-provision');
    expect({ code, out }).toEqual({
      code: EXIT.ok,
      out: expect.stringContaining('A machine was made on target sandbox and removed'),
    });
  });

  test('the stand-ins end with 0 when they are told to', async () => {
    expect((await platform.stop()).code).toBe(EXIT.ok);
    expect((await sandbox.stop()).code).toBe(EXIT.ok);
  });
});

const SSH_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHfs+6XAzBCZjMTrQlvBUY7fxPpfHXmExbNjzCM4HZZk tenant';
