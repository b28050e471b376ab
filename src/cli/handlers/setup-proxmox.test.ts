import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { newGuest } from '../../../simulators/proxmox/qemu/guests.ts';
import { EXIT } from '../exit.ts';
import { person } from '../setup/person.ts';
import { SetupGround } from '../setup/proxmox/fixtures.ts';

let ground: SetupGround;
beforeEach(async () => {
  ground = await SetupGround.open();
});
afterEach(() => ground.close());

const files = async (): Promise<string[]> => readdir(ground.at('etc')).catch(() => []);

describe('a setup without questions', () => {
  test('goes from a bare host to a configuration in which doctor finds nothing wrong; again, it changes nothing', async () => {
    const first = await ground.setup();
    expect(first.code, first.err + first.out).toBe(EXIT.ok);
    expect(first.out).toContain(`Registered with provider ${ground.platform.providerKey}`);
    const config = await ground.read();
    expect(config).toContain('template_vmid = 9000');
    expect(config).toContain(`fingerprint = "${ground.server.fingerprint}"`);
    const before = ground.picture();
    const again = await ground.setup();
    expect(again.code, again.err).toBe(EXIT.ok);
    expect(again.err).toContain('Everything on the cluster is as it should be.');
    expect(again.out).toContain('registered already');
    expect(ground.picture()).toBe(before);
    expect(await ground.read()).toBe(config);
    expect(await files()).toEqual(['dc-agent.toml', 'proxmox.secret', 'setup-proxmox-proxmox.json']);
  });

  test('shows no secret, and keeps what it writes from all other users', async () => {
    const run = await ground.setup();
    const [secret, record, config] = await Promise.all(
      ['etc/proxmox.secret', 'etc/setup-proxmox-proxmox.json', 'etc/dc-agent.toml'].map((path) => ground.read(path)),
    );
    expect(secret?.trim()).toMatch(/^[0-9a-f-]{36}$/);
    for (const text of [run.out, run.err, record, config]) {
      expect(text).not.toContain(secret?.trim());
      expect(text).not.toContain('correct-horse-battery');
      expect(text).not.toContain(ground.platform.setupToken);
    }
    for (const name of await files()) expect((await stat(ground.at(join('etc', name)))).mode & 0o777).toBe(0o600);
  });

  test('as a dry run shows every call, needs no setup token, and changes nothing anywhere', async () => {
    const before = ground.picture();
    const run = await ground.setup({ 'dry-run': true, token: null, yes: null });
    expect(run.code, run.err).toBe(EXIT.ok);
    expect(run.out).toContain('POST /pools poolid=dc-agent');
    expect(run.out).toContain('POST /nodes/pve/storage/local/download-url');
    expect(run.out).toContain('PUT /access/acl path=/pool/dc-agent');
    expect(ground.picture()).toBe(before);
    expect(ground.core.calls.filter((call) => !call.startsWith('GET '))).toEqual(['POST /access/ticket']);
    expect((await readdir(ground.home)).sort()).toEqual(['password', 'provider.key']);
  });

  test('says all that is missing at once', async () => {
    const run = await ground.setup({ 'api-url': null, 'password-file': null, token: null, yes: null });
    expect(run.code).toBe(EXIT.usage);
    for (const option of ['--api-url', '--password-file', '--token', '--yes']) expect(run.err).toContain(option);
    expect((await ground.setup({ 'guest-agent': null })).err).toContain('--addresses is missing');
    expect(await files()).toEqual([]);
  });

  test('adds its target to the configuration of a registered host, which keeps its comments, without a setup token', async () => {
    expect((await ground.setup({ target: 'first' })).code).toBe(EXIT.ok);
    const old = `# mine\n${await ground.read()}`;
    await writeFile(ground.output, old);
    const run = await ground.setup({ token: null, target: 'second' });
    expect(run.code, run.err).toBe(EXIT.ok);
    const config = await ground.read();
    expect(config.startsWith(old.trimEnd())).toBe(true);
    expect(config).toContain('name = "second"');
    const backup = /now (\S+)\./.exec(run.out)?.[1] ?? '';
    expect(await readFile(backup, 'utf8')).toBe(old);
    expect((await stat(ground.output)).mode & 0o777).toBe(0o600);
  });
});

describe('the setup token is not spent, and nothing stays behind,', () => {
  const expectNothing = async (before: string): Promise<void> => {
    expect(ground.picture()).toBe(before);
    expect(await files()).toEqual([]);
    ground.core.faults.clear();
    expect(await ground.isSpent()).toBe(false);
  };

  test('when the image cannot be had', async () => {
    const before = ground.picture();
    ground.core.faults.add({ task: 'download', fault: { kind: 'task-error', text: 'download failed: exit code 8' } });
    const run = await ground.setup();
    expect(run.code).toBe(EXIT.failed);
    expect(run.err).toContain('download failed: exit code 8');
    expect(run.err).toContain('What was made on the cluster is removed again. The setup token is not spent.');
    await expectNothing(before);
  });

  test('when the agent’s own token proves to lack something', async () => {
    const before = ground.picture();
    // The host says yes, and does nothing.
    ground.core.faults.add({
      method: 'PUT',
      path: '/access/acl',
      times: 8,
      fault: { kind: 'status', status: 200, reason: 'OK' },
    });
    const run = await ground.setup();
    expect(run.code).toBe(EXIT.failed);
    expect(run.err).toContain('The token lacks');
    await expectNothing(before);
  });

  test('when it is interrupted', async () => {
    const before = ground.picture();
    const controller = new AbortController();
    const err = (text: string): void => {
      if (text.includes('create user')) controller.abort(new Error('interrupted by SIGINT'));
    };
    const run = await ground.setup({}, { signal: controller.signal, err });
    expect(run.code).toBe(EXIT.failed);
    await expectNothing(before);
  });

  test('when the pool has somebody else’s guests', async () => {
    ground.core.cluster.pools.set('dc-agent', { storages: new Set() });
    const config = new Map([['name', 'mail']]);
    newGuest(ground.core.pve, { vmid: 100, node: 'pve', config }).pool = 'dc-agent';
    const before = ground.picture();
    const run = await ground.setup();
    expect(run.err).toContain(
      "pool 'dc-agent' has guests that are not the agent's, over which it would get power: 100",
    );
    await expectNothing(before);
  });

  test('when the certificate is another one than was said', async () => {
    const before = ground.picture();
    const run = await ground.setup({ fingerprint: 'AB'.repeat(32) });
    expect(run.err).toContain('is not believed');
    expect(ground.core.calls).toEqual([]);
    await expectNothing(before);
  });

  test('when the login may not do it', async () => {
    const before = ground.picture();
    ground.core.cluster.users.set('helper@pve', {
      id: 'helper@pve',
      enable: true,
      expire: 0,
      password: 'correct-horse-battery',
      tokens: new Map(),
    });
    const run = await ground.setup({ login: 'helper@pve' });
    expect(run.err).toContain('this login may not set a cluster up');
    expect(run.err).toContain('Pool.Allocate on /pool');
    ground.core.cluster.users.delete('helper@pve');
    await expectNothing(before);
  });

  test('when the pool is not where this host is', async () => {
    const before = ground.picture();
    const run = await ground.setup({ location: 'latam' });
    expect(run.err).toContain('the setup token is for a pool in europe, and --location says latam');
    const options = {
      apiUrl: ground.server.url,
      passwordFile: ground.at('password'),
      token: ground.platform.setupToken,
    };
    const asked = await ground.run({ ...options, yes: true }, { zone: 'Asia/Tokyo' });
    expect(asked.err).toContain('time zone is Asia/Tokyo');
    await expectNothing(before);
  });
});

describe('once the setup token was sent', () => {
  test('a refused one leaves the cluster ready, and the same command with a new one goes on from there', async () => {
    const refused = await ground.setup({ token: 'apt_europe_0000000000000000' });
    expect(refused.code).toBe(EXIT.failed);
    expect(refused.err).toContain('does not know this setup token');
    expect(refused.err).toContain('the next attempt takes it over');
    const before = ground.picture();
    const run = await ground.setup();
    expect(run.code, run.err).toBe(EXIT.ok);
    expect(run.err).toContain('Everything on the cluster is as it should be.');
    expect(ground.picture()).toBe(before);
  });

  test('a lost answer is found out about, and finished without a token', async () => {
    ground.platform.core.faults.add({ route: 'setup', fault: { kind: 'drop-after' } });
    const lost = await ground.setup();
    expect(lost.code).toBe(EXIT.failed);
    expect(lost.err).toContain('setup proxmox --provider-pubkey');
    const run = await ground.setup({ token: null, 'provider-pubkey': ground.platform.providerKey });
    expect(run.code, run.err).toBe(EXIT.ok);
    expect(await ground.read()).toContain(ground.platform.providerKey);
  });
});

describe('--undo', () => {
  test('removes all that was made, says it before, and leaves the configuration', async () => {
    const before = ground.picture();
    await ground.setup();
    const made = ground.picture();
    const shown = await ground.undo({ 'dry-run': true });
    expect(shown.out).toContain('remove token dc-agent@pve!agent-');
    expect(ground.picture()).toBe(made);
    const run = await ground.undo();
    expect(run.code, run.err).toBe(EXIT.ok);
    expect(ground.picture()).toBe(before);
    expect(await files()).toEqual(['dc-agent.toml', 'proxmox.secret']);
    // Registered it still is; what was removed is made anew.
    const again = await ground.setup({ token: null });
    expect(again.code, again.err).toBe(EXIT.ok);
    expect(ground.picture()).not.toBe(before);
  });

  test('knows when there is nothing', async () => {
    expect(await ground.undo()).toMatchObject({ code: EXIT.ok, out: expect.stringContaining('nothing to take back') });
  });

  test('leaves machines and what they need, and says why', async () => {
    await ground.setup();
    newGuest(ground.core.pve, { vmid: 100_001, node: 'pve', config: new Map([['name', 'dc-0123456789abcdef']]) }).pool =
      'dc-agent';
    const run = await ground.undo();
    expect(run.code).toBe(EXIT.failed);
    expect(run.err).toContain("pool 'dc-agent' stays: it is not empty: VM 100001");
    expect(ground.core.cluster.guests.has(100_001)).toBe(true);
    ground.core.cluster.guests.delete(100_001);
    expect((await ground.undo()).code).toBe(EXIT.ok);
    expect(ground.core.cluster.pools.size).toBe(0);
  });

  test('of one host leaves another host’s agent as it was', async () => {
    await ground.setup();
    const other = { output: ground.at('other/dc-agent.toml'), 'key-dir': ground.at('other-keys') };
    const token = ground.platform.core.admin.token(ground.platform.pool);
    const second = await ground.setup({ ...other, token });
    expect(second.code, second.err).toBe(EXIT.ok);
    const tokens = () => [...(ground.core.cluster.users.get('dc-agent@pve')?.tokens.keys() ?? [])];
    expect(tokens()).toHaveLength(2);
    // The first made user, role and pool; the second uses them.
    const run = await ground.undo();
    expect(run.err).toContain('user dc-agent@pve stays: it has other tokens');
    expect(tokens()).toHaveLength(1);
    const untouched = await ground.setup({ ...other, token: null });
    expect(untouched.err, untouched.out).toContain('Everything on the cluster is as it should be.');
    expect(untouched.code).toBe(EXIT.ok);
  });
});

describe('with somebody at the terminal', () => {
  test('on the host itself it asks for the setup token and whether to go on, and nothing else', async () => {
    await ground.becomeNode();
    const ask = person(ground.platform.setupToken, 'yes');
    const run = await ground.run(ground.image, { ask, host: ground.host('the node') });
    expect(run.code, run.err).toBe(EXIT.ok);
    expect(ask.asked).toEqual(['Setup token of the pool’s page', 'Go on?']);
    expect(ground.commands.map((command) => command.split(' ').slice(0, 2).join(' '))).toEqual([
      'pvesh create',
      'pvesm path',
      'pvesh delete',
    ]);
    expect(ground.core.cluster.users.get('root@pam')?.tokens.size).toBe(0);
    expect(ground.core.cluster.guests.get(9000)?.config.get('cicustom')).toBe(
      'vendor=local:snippets/dc-agent-guest-agent.yaml',
    );
    expect(await ground.read('node/var/lib/vz/snippets/dc-agent-guest-agent.yaml')).toContain('- qemu-guest-agent');
    expect(ground.service).toEqual(['made']);
  });

  test('from elsewhere also for address, certificate, login and the machines’ addresses', async () => {
    const ask = person(
      ground.server.url,
      ground.platform.setupToken,
      'yes',
      'correct-horse-battery',
      '203.0.113.0/28',
      'yes',
    );
    const run = await ground.run({ ...ground.image }, { ask });
    expect(run.code, run.err).toBe(EXIT.ok);
    expect(ask.asked.map((question) => question.split(' ').slice(0, 3).join(' '))).toEqual([
      'Address of the',
      'Setup token of',
      'Is this what',
      'Password of root@pam',
      'Network of the',
      'Go on?',
    ]);
    expect(run.err).toContain(ground.server.fingerprint);
    expect(await ground.read()).toContain('cidr = "203.0.113.0/28"');
    expect(ground.core.cluster.guests.get(9000)?.config.get('agent')).toBe('enabled=0');
  });

  test('a no changes nothing', async () => {
    const before = ground.picture();
    const ask = person('yes', 'correct-horse-battery', 'no');
    const options = {
      apiUrl: ground.server.url,
      token: ground.platform.setupToken,
      guestAgent: 'image',
      ...ground.image,
    };
    const run = await ground.run(options, { ask });
    expect(run).toMatchObject({ code: EXIT.failed, err: expect.stringContaining('it was not begun') });
    expect(ground.picture()).toBe(before);
    const refused = await ground.run(options, { ask: person('no') });
    expect(refused.err).toContain('it was not accepted');
    expect(await ground.isSpent()).toBe(false);
  });
});

describe('--repin', () => {
  test('believes the new certificate once its fingerprint was said', async () => {
    await ground.setup();
    ground.server.renewCertificate();
    const changed = await ground.setup({ fingerprint: null, token: null });
    expect(changed.err).toContain('setup proxmox --repin');
    const { fingerprint } = ground.server;
    expect((await ground.setup({ repin: true, fingerprint: 'AB'.repeat(32) })).code).toBe(EXIT.failed);
    expect(await ground.read()).not.toContain(fingerprint);
    const run = await ground.setup({ repin: true, fingerprint });
    expect(run.code, run.err).toBe(EXIT.ok);
    expect(await ground.read()).toContain(`fingerprint = "${fingerprint}"`);
    const after = await ground.setup({ fingerprint: null, token: null });
    expect(after.code, after.err).toBe(EXIT.ok);
  });
});
