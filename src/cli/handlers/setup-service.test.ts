import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EXIT } from '../exit.ts';
import { CONFIG, DROP_IN, RECORD, ServiceGround, UNIT } from '../setup/service/fixtures.ts';

let ground: ServiceGround;
beforeEach(async () => {
  ground = await ServiceGround.prepare();
});
afterEach(() => ground.remove());

test('the commands come in the order that makes each of them possible', async () => {
  expect(await ground.install()).toMatchObject({ code: EXIT.ok });
  expect(ground.commands.filter((line) => !/^(id|getent|systemctl show)/.test(line))).toEqual([
    'systemd-sysusers /etc/sysusers.d/dc-agent.conf',
    'systemd-tmpfiles --create /etc/tmpfiles.d/dc-agent.conf',
    `chown root:dc-agent /${CONFIG}`,
    `chmod 0640 /${CONFIG}`,
    'systemctl daemon-reload',
    'systemctl enable dc-agent.service',
    'systemctl restart dc-agent.service',
  ]);
});

describe('secrets', () => {
  test('one that only root can read becomes a credential, in the configuration, in the unit and as a link', async () => {
    await ground.install();
    expect(await ground.read(CONFIG)).toContain('agent_secret_key = { credential = "agent.key" }\n');
    expect(await ground.read(DROP_IN)).toContain(`LoadCredential=agent.key:${ground.root}/root/agent.key\n`);
    expect(await ground.read('etc/dc-agent/credentials/agent.key')).toBe('1'.repeat(64));
    expect((await stat(ground.at('etc/dc-agent/credentials'))).mode & 0o777).toBe(0o700);
  });

  test('one that tmpfiles gives to the service’s user is left where it is', async () => {
    await writeFile(ground.at('etc/dc-agent/agent.key'), '1'.repeat(64), { mode: 0o600 });
    await ground.configure(`"${ground.at('etc/dc-agent/agent.key')}"`);
    const before = await ground.read(CONFIG);
    await ground.install();
    expect(await ground.read(CONFIG)).toBe(before);
    expect(await ground.read(DROP_IN)).not.toContain('LoadCredential');
  });

  test('none of them is printed or recorded', async () => {
    const shown = await ground.install({ dryRun: true });
    const done = await ground.install();
    expect(
      [shown.out, shown.err, done.out, done.err, await ground.read(RECORD), ground.commands.join('\n')].join('\n'),
    ).not.toContain('1'.repeat(64));
  });

  test('a file that is not there is told before anything is changed', async () => {
    await ground.configure(`{ file = "${ground.root}/root/absent" }`);
    const { code, err } = await ground.install();
    expect(code).toBe(EXIT.failed);
    expect(err).toContain('the file of api.agent_secret_key cannot be looked at: /root/absent');
    expect(await readdir(ground.at('etc'))).toEqual(['dc-agent']);
  });
});

describe('broken off', () => {
  /** Everything that a step of the installation may be interrupted at. */
  const STEPS = [
    'systemd-sysusers /etc/sysusers.d/dc-agent.conf',
    'systemd-tmpfiles --create /etc/tmpfiles.d/dc-agent.conf',
    `chown root:dc-agent /${CONFIG}`,
    'systemctl enable dc-agent.service',
    'systemctl restart dc-agent.service',
  ];

  test.each(STEPS)('at %s, it is completed by the same command', async (step) => {
    ground.answers.set(step, { code: 1, stderr: 'no luck today' });
    const failed = await ground.install();
    expect(failed.code).toBe(EXIT.failed);
    expect(failed.err).toContain('no luck today');
    expect(failed.err).toContain('dc-agent setup service --undo');
    ground.answers.delete(step);
    expect(await ground.install()).toMatchObject({ code: EXIT.ok });
    expect(await ground.read(DROP_IN)).toContain('LoadCredential=agent.key:');
    expect(await readdir(ground.at('etc/dc-agent/credentials'))).toEqual(['agent.key']);
  });

  test.each(STEPS)('at %s, it is taken back without a rest', async (step) => {
    const before = await ground.read(CONFIG);
    ground.answers.set(step, { code: 1 });
    await ground.install();
    expect(await ground.undo()).toMatchObject({ code: EXIT.ok });
    expect(await ground.read(CONFIG)).toBe(before);
    expect(await readdir(ground.at('etc/dc-agent'))).toEqual(['dc-agent.toml']);
    for (const folder of ['systemd/system', 'sysusers.d', 'tmpfiles.d']) {
      expect(await readdir(ground.at(`etc/${folder}`)).catch(() => [])).toEqual([]);
    }
  });
});

test('a service that does not start shows what it said, and a wrong configuration is told by the exit code', async () => {
  ground.answers.set('systemctl restart dc-agent.service', {
    code: 1,
    stderr: 'Job for dc-agent.service failed.\nSee journalctl',
  });
  ground.answers.set('systemctl show dc-agent.service --property=ExecMainStatus --value', { stdout: '78\n' });
  ground.answers.set('journalctl --unit=dc-agent.service --lines=20 --no-pager --output=cat', {
    stdout: 'error: it is wrong\n',
  });
  const { code, err } = await ground.install();
  expect(code).toBe(EXIT.config);
  expect(err).toContain('Job for dc-agent.service failed.');
  expect(err).toContain('error: it is wrong');
});

test('run again with nothing changed it starts nothing anew; a new program, a group or a dead service is a reason', async () => {
  const restarts = (): number => ground.commands.splice(0).filter((line) => line.includes('restart')).length;
  await ground.install();
  expect(restarts()).toBe(1);
  await ground.install();
  expect(restarts()).toBe(0);
  await ground.release('1.2.4');
  await ground.install();
  expect(restarts()).toBe(1);
  await ground.install({ groups: ['docker'] });
  expect(restarts()).toBe(1);
  expect(await ground.read(DROP_IN)).toContain('SupplementaryGroups=docker\n');
  // A group stays without being named again.
  await ground.install();
  expect(restarts()).toBe(0);
  ground.answers.set('systemctl is-active --quiet dc-agent.service', { code: 3 });
  await ground.install();
  expect(restarts()).toBe(1);
});

test('a unit that somebody else has put there is neither replaced nor removed', async () => {
  await mkdir(ground.at('etc/systemd/system'), { recursive: true });
  await writeFile(ground.at(UNIT), '[Service]\nExecStart=/mine\n');
  const { code, err } = await ground.install();
  expect(code).toBe(EXIT.failed);
  expect(err).toContain(`/${UNIT} is another than this command wrote`);
  expect(await ground.install({ force: true })).toMatchObject({ code: EXIT.ok });
  await writeFile(ground.at(UNIT), '[Service]\nExecStart=/mine again\n');
  expect((await ground.undo()).err).toContain(`/${UNIT} was changed since, and stays`);
  expect(await ground.read(UNIT)).toContain('/mine again');
});

test('what it did not do before it does not take back, and says so', async () => {
  expect(await ground.undo()).toMatchObject({ code: EXIT.ok, out: expect.stringContaining('nothing to take back') });
  expect(ground.commands).toEqual([]);
});

test('a state directory of the operator’s own is opened to the service, unless it is somebody else’s', async () => {
  await ground.configure(undefined, `[agent]\nstate_dir = "${ground.root}/srv/dc"`);
  expect(await ground.install()).toMatchObject({ code: EXIT.ok });
  expect(await ground.read(DROP_IN)).toContain(`ReadWritePaths=${ground.root}/srv/dc\n`);
  expect(ground.commands).toContain('install -d -o dc-agent -g dc-agent -m 0750 /srv/dc');
  await mkdir(ground.at('srv/dc'), { recursive: true });
  ground.answers.set('id -u dc-agent', { stdout: '4711\n' });
  const { code, err } = await ground.install();
  expect(code).toBe(EXIT.failed);
  expect(err).toContain('chown -R dc-agent:dc-agent /srv/dc');
});

test('a Docker target without the engine’s group is worth a warning', async () => {
  await writeFile(
    ground.at(CONFIG),
    (await ground.read(CONFIG)).replace(/\[\[targets\]\][\s\S]*/, '[[targets]]\nname = "d"\ntype = "docker"\n'),
  );
  expect((await ground.install()).err).toContain('add --group docker');
  expect((await ground.install({ groups: ['docker'] })).err).not.toContain('add --group docker');
});

test('--undo shows first what it would do, when asked', async () => {
  await ground.install();
  const { out, err } = await ground.undo({ dryRun: true });
  expect(out.split('\n')).toEqual(
    expect.arrayContaining([
      'run systemctl disable --now dc-agent.service',
      `    { credential = "agent.key" }  becomes  "/root/agent.key"`,
      `remove /${UNIT}`,
    ]),
  );
  expect(err).toBe('Nothing was changed.');
  expect(await ground.read(UNIT)).toContain('[Service]');
});
