import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DevPlatform, startDevPlatform } from '../../simulators/platform/cli.ts';
import { EXIT } from '../../src/cli/exit.ts';
import { buildMachineRoot, type Machine, machinesAvailable } from './ground/machine.ts';
import { bootHost } from './ground/machine-host.ts';
import { Pulse } from './ground/pulse.ts';

const available = await machinesAvailable();
const why = available === true ? '' : ` (skipped: ${available})`;

const CONFIG = '/etc/dc-agent/dc-agent.toml';
const KEY = '/root/.dc-agent/agent.key';
const MADE = [
  '/etc/systemd/system/dc-agent.service',
  '/etc/systemd/system/dc-agent.service.d/10-setup.conf',
  '/etc/sysusers.d/dc-agent.conf',
  '/etc/tmpfiles.d/dc-agent.conf',
  '/etc/dc-agent/credentials/agent.key',
  '/etc/dc-agent/setup-service.json',
];

describe.skipIf(available !== true)(`the service on a host that systemd has booted${why}`, () => {
  const pulse = new Pulse(60_000);
  let heartbeats = 0;
  let host: Machine;
  let platform: DevPlatform;
  /** The configuration as `setup token` wrote it. */
  let written: string;

  beforeAll(async () => {
    await buildMachineRoot();
    host = await bootHost();
    platform = await startDevPlatform({ host: host.gateway, seedOffering: 'script' });
    platform.core.onExchange(({ outcome }) => {
      if (outcome.route === 'heartbeat') heartbeats++;
      pulse.beat();
    });
    const keys = ['provision', 'terminate', 'health_check', 'list'];
    const settings = keys.flatMap((key) => ['--set', `${key}=/opt/backend`]);
    const token = ['--token', platform.setupToken, '--api-url', platform.url];
    await host.run('dc-agent', 'setup', 'token', ...token, '--provisioner', 'script', ...settings);
    written = await host.run('cat', CONFIG);
  }, 400_000);
  afterAll(async () => {
    await host?.remove();
    await platform?.close();
  });

  test('a dry run shows every file and command, and changes nothing', async () => {
    const before = await everyFile();
    const { exitcode, stdout } = await setUp('--dry-run');
    expect(exitcode).toBe(EXIT.ok);
    for (const path of MADE.slice(0, 4)) expect(stdout).toContain(`write ${path} (0644)`);
    expect(stdout).toContain(`"${KEY}"  becomes  { credential = "agent.key" }`);
    expect(stdout).toContain('run systemctl enable dc-agent.service');
    expect(await everyFile()).toBe(before);
  });

  test('it is refused to anybody but root, with what to do', async () => {
    const { exitcode, stderr } = await host.exec(['runuser', '-u', 'nobody', '--', 'dc-agent', 'setup', 'service']);
    expect(exitcode).toBe(EXIT.failed);
    expect(stderr).toContain('a service is made by root only');
    expect(stderr).toContain('sudo dc-agent setup service');
  });

  test('it is set up by one command, and runs once that has ended', async () => {
    const { exitcode, stdout, stderr } = await expectHeartbeat(setUp);
    expect(exitcode, stderr).toBe(EXIT.ok);
    expect(stdout).toContain('dc-agent.service is active (running) as process');
    // Only what says READY over systemd's socket becomes active.
    expect(await show('Type', 'ActiveState', 'SubState', 'StatusText', 'User', 'UnitFileState')).toEqual([
      'notify',
      'active',
      'running',
      'running',
      'dc-agent',
      'enabled',
    ]);
    expect(await host.run('systemctl', 'status', '--no-pager', 'dc-agent')).toContain('Status: "running"');
  });

  test('its state is closed to others, its configuration to all but it, and its key to all but root', async () => {
    expect(await modes('/var/lib/dc-agent', '/var/lib/dc-agent/ledger', '/etc/dc-agent', CONFIG, KEY)).toEqual([
      '750 dc-agent:dc-agent',
      expect.stringMatching(/^7[05]0 dc-agent:dc-agent$/),
      '750 root:dc-agent',
      '640 root:dc-agent',
      '600 root:root',
    ]);
    expect(await host.run('cat', CONFIG)).toBe(written.replace(`"${KEY}"`, '{ credential = "agent.key" }'));
    const unable = await host.exec(['runuser', '-u', 'dc-agent', '--', 'cat', KEY]);
    expect(unable.exitcode).not.toBe(0);
  });

  test('root’s commands find its credentials by the links', async () => {
    const answer = await host.exec([
      'env',
      'CREDENTIALS_DIRECTORY=/etc/dc-agent/credentials',
      'dc-agent',
      'doctor',
      '--json',
    ]);
    expect(JSON.stringify(JSON.parse(answer.stdout))).not.toContain('"level":"fail"');
  });

  test('it runs in the sandbox that the unit describes', async () => {
    const score = await host.run('systemd-analyze', 'security', '--no-pager', '--threshold=20', 'dc-agent.service');
    expect(score).toContain('Overall exposure level for dc-agent.service');
    const status = await host.run('cat', `/proc/${await pid()}/status`);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(status).toMatch(/^CapEff:\t0{16}$/m);
    expect(status).toMatch(/^Seccomp:\t2$/m);
  });

  test('setting it up again changes nothing, and does not start it anew', async () => {
    const before = [await pid(), await everyFile()];
    const { exitcode, stdout } = await setUp();
    expect(exitcode).toBe(EXIT.ok);
    expect(stdout).toContain('Everything was as it should be');
    expect([await pid(), await everyFile()]).toEqual(before);
  });

  test('a change of the configuration starts it anew', async () => {
    const before = await pid();
    await host.run('sed', '-i', 's/^interval_seconds.*//; s/^\\[polling\\]/[polling]\\ninterval_seconds = 1/', CONFIG);
    expect((await expectHeartbeat(setUp)).exitcode).toBe(EXIT.ok);
    expect(await pid()).not.toBe(before);
  });

  test('a file of it that somebody has changed is not written over unless that is asked for', async () => {
    const unit = '/etc/systemd/system/dc-agent.service';
    await host.run('sed', '-i', 's/^MemoryMax=1G/MemoryMax=2G/', unit);
    const { exitcode, stderr } = await setUp();
    expect(exitcode).toBe(EXIT.failed);
    expect(stderr).toContain(`${unit} is another than this command wrote`);
    expect(await host.run('cat', unit)).toContain('MemoryMax=2G');
    expect((await setUp('--force')).exitcode).toBe(EXIT.ok);
    expect(await host.run('cat', unit)).toContain('MemoryMax=1G');
  });

  test('when it hangs, the watchdog ends it and systemd starts another', async () => {
    await override('[Service]', 'WatchdogSec=2', 'RestartSec=100ms');
    await host.run('systemctl', 'restart', 'dc-agent');
    const hung = await pid();
    await expectHeartbeat(() => host.run('kill', '-STOP', hung));
    await pulse.until(
      'another process',
      async () => {
        const [state, now] = await show('SubState', 'MainPID');
        return state === 'running' && now !== hung;
      },
      journal,
    );
    expect(await journal()).toContain('Watchdog timeout (limit 2s)!');
    expect(await show('NRestarts')).toEqual(['1']);
  });

  test('stopping it ends it in order and leaves the machines; started again, it knows them', async () => {
    const { id } = platform.core.admin.rent({ offering: platform.offering });
    const row = () => platform.core.contracts.get(id);
    await pulse.until('the machine', () => row()?.status === 'active', journal);
    const machine = (await host.run('pgrep', '--exact', 'sleep')).trim();

    await host.run('systemctl', 'stop', 'dc-agent');
    expect(await show('ActiveState', 'Result', 'ExecMainStatus')).toEqual(['inactive', 'success', '0']);
    expect((await host.run('pgrep', '--exact', 'sleep')).trim()).toBe(machine);

    await host.run('systemctl', 'start', 'dc-agent');
    platform.core.admin.cancel(id);
    await pulse.until('its end', () => row()?.terminatedAt !== undefined, journal);
    expect((await host.exec(['pgrep', '--exact', 'sleep'])).stdout).toBe('');
  });

  test('a configuration that cannot work is refused before anything is changed, and ends the service for good', async () => {
    const good = await host.run('cat', CONFIG);
    await host.run('sed', '-i', 's/^endpoint.*/endpoint = "nowhere"/', CONFIG);
    const running = await pid();
    const refused = await setUp();
    expect(refused.exitcode).toBe(EXIT.config);
    expect(refused.stderr).toContain('api.endpoint');
    expect(await pid()).toBe(running);

    expect((await host.exec(['systemctl', 'restart', 'dc-agent'])).exitcode).not.toBe(0);
    // Not `activating (auto-restart)`, which is what any other end leads to.
    expect(await show('ActiveState', 'SubState', 'ExecMainStatus', 'NRestarts')).toEqual([
      'failed',
      'failed',
      String(EXIT.config),
      '0',
    ]);

    expect((await host.exec(['tee', CONFIG], good)).exitcode).toBe(0);
    expect((await expectHeartbeat(setUp)).exitcode).toBe(EXIT.ok);
  });

  test('--undo takes back what was done, and leaves state, key and what the operator added', async () => {
    const { exitcode, stdout, stderr } = await setUp('--undo');
    expect(exitcode, stderr).toBe(EXIT.ok);
    expect(stdout).toContain('The service is gone');
    for (const path of MADE) expect((await host.exec(['test', '-e', path])).exitcode, path).toBe(1);
    expect(await host.run('cat', CONFIG)).toContain(`agent_secret_key = "${KEY}"`);
    expect(await modes(CONFIG, KEY, '/var/lib/dc-agent')).toEqual([
      '600 root:root',
      '600 root:root',
      '750 dc-agent:dc-agent',
    ]);
    expect(await host.run('ls', '/etc/systemd/system/dc-agent.service.d')).toBe('20-test.conf\n');
    expect(await host.run('ls', '/var/lib/dc-agent/ledger')).not.toBe('');
    expect((await setUp('--undo')).stdout).toContain('nothing to take back');
  });

  const setUp = (...options: readonly string[]) => host.exec(['dc-agent', 'setup', 'service', ...options]);
  const journal = () => host.run('journalctl', '--unit=dc-agent', '--no-pager', '--lines=60');
  const pid = async (): Promise<string> => (await show('MainPID'))[0] ?? '';

  async function show(...properties: string[]): Promise<string[]> {
    const shown = await host.run('systemctl', 'show', 'dc-agent', `--property=${properties.join()}`);
    return properties.map((name) => new RegExp(`^${name}=(.*)$`, 'm').exec(shown)?.[1] ?? `no ${name}`);
  }

  async function modes(...paths: string[]): Promise<string[]> {
    return (await host.run('stat', '--format=%a %U:%G', ...paths)).trim().split('\n');
  }

  /** Every file below the folders that the command writes to, with its time, owner and mode. */
  function everyFile(): Promise<string> {
    return host.run('find', '/etc', '/var/lib/systemd', '-printf', '%p %T@ %U:%G %m\n');
  }

  /** Resolves once the platform has had a heartbeat of the agent that `start` starts: each sends one as soon as it runs. */
  async function expectHeartbeat<T>(start: () => Promise<T>): Promise<T> {
    const before = heartbeats;
    const value = await start();
    await pulse.until('a heartbeat', () => heartbeats > before, journal);
    return value;
  }

  async function override(...lines: string[]): Promise<void> {
    const file = '/etc/systemd/system/dc-agent.service.d/20-test.conf';
    await host.exec(['tee', file], `${lines.join('\n')}\n`);
    await host.run('systemctl', 'daemon-reload');
  }
});
