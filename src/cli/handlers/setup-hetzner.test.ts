import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EXIT } from '../exit.ts';
import { HetznerGround } from '../setup/hetzner/fixtures.ts';
import { person } from '../setup/person.ts';

let ground: HetznerGround;
beforeEach(async () => {
  ground = await HetznerGround.open();
});
afterEach(() => ground.close());

const targetIn = (config: string): Record<string, unknown> => {
  const { targets } = parse(config) as { targets: { name: string; hetzner: Record<string, unknown> }[] };
  return { name: targets[0]?.name, ...targets[0]?.hetzner };
};

describe('a setup without questions', () => {
  test('goes from an empty project to a configuration in which doctor finds nothing wrong; again, it changes nothing', async () => {
    const first = await ground.setup({ 'firewall-policy': 'ssh', suspend: 'snapshot', 'max-servers': '20' });
    expect(first.code, first.err + first.out).toBe(EXIT.ok);
    expect(first.out).toContain(`Registered with provider ${ground.platform.providerKey}`);
    const config = await ground.read();
    expect(targetIn(config)).toEqual({
      name: 'hcloud',
      token: { file: ground.at('etc/hcloud.secret') },
      endpoint: ground.hetzner.endpoint,
      offerings: ['small-vps'],
      server_types: ['cx23', 'cpx22'],
      locations: ['fsn1', 'nbg1'],
      image: 'debian-13',
      ipv4: 'own',
      firewall: 'dc-agent',
      max_servers: 20,
      suspend: 'snapshot',
    });
    const [firewall] = ground.hetzner.core.project.firewalls.values();
    expect([firewall?.name, firewall?.rules.length]).toEqual(['dc-agent', 2]);
    const before = ground.picture();
    const again = await ground.setup({ in: null, type: null, offering: null, 'api-token-file': null, token: null });
    expect(again.code, again.err).toBe(EXIT.ok);
    expect(again.out).toContain('registered already');
    expect(again.out).toContain('is as it should be');
    expect([ground.picture(), await ground.read()]).toEqual([before, config]);
    expect(await ground.files()).toEqual(['dc-agent.toml', 'hcloud.secret', 'setup-hetzner-hcloud.json']);
  });

  test('shows prices of today, no secret, and keeps what it writes from all other users', async () => {
    const run = await ground.setup();
    expect(run.err).toMatch(/cx23: fsn1 \d+\.\d\d EUR, nbg1 \d+\.\d\d EUR net a month/);
    const texts = [run.out, run.err, await ground.read(), await ground.read('etc/setup-hetzner-hcloud.json')];
    for (const text of texts) {
      expect(text).not.toContain(ground.hetzner.token);
      expect(text).not.toContain(ground.platform.setupToken);
    }
    expect((await ground.read('etc/hcloud.secret')).trim()).toBe(ground.hetzner.token);
    for (const name of await ground.files()) {
      expect((await stat(ground.at(join('etc', name)))).mode & 0o777).toBe(0o600);
    }
  });

  test('takes the API token from the environment or from standard input, and never from the command line', async () => {
    const env = { HOME: ground.home, DC_HETZNER_TOKEN: ground.hetzner.token };
    const shown = await ground.setup({ 'api-token-file': null, 'dry-run': true }, { env });
    expect(shown.code, shown.err).toBe(EXIT.ok);
    const piped = await ground.setup(
      { 'api-token-file': '-', 'dry-run': true },
      { input: async () => `${ground.hetzner.token}\n` },
    );
    expect(piped.code, piped.err).toBe(EXIT.ok);
    const typed = await ground.setup({ 'api-token': ground.hetzner.token });
    expect([typed.code, typed.err]).toEqual([EXIT.usage, expect.stringContaining('unknown option')]);
  });

  test('as a dry run it shows the catalogue, or what would be done, and changes nothing anywhere', async () => {
    const before = ground.picture();
    const choice = { in: null, type: null, offering: null, token: null, yes: null, 'dry-run': true } as const;
    const catalogue = await ground.setup(choice);
    expect(catalogue.code, catalogue.err).toBe(EXIT.ok);
    expect(catalogue.out).toMatch(/fsn1 +Falkenstein, DE/);
    expect(catalogue.out).toMatch(/cx23 +2 +4 GB +40 GB +x86, shared +\d+\.\d\d EUR/);
    const plan = await ground.setup({ token: null, yes: null, 'dry-run': true });
    expect(plan.err).toContain('will make the firewall dc-agent, which lets everything in');
    expect(ground.picture()).toBe(before);
    // The check of the token's rights is the one call that is no reading, and can never be met.
    const calls = [...ground.hetzner.core.calls.keys()].filter((call) => !call.startsWith('GET '));
    expect(calls).toEqual(['POST /ssh_keys']);
    expect(await ground.files()).toEqual([]);
  });

  test('says all that is missing at once', async () => {
    const run = await ground.setup({ 'api-token-file': null, token: null, yes: null });
    expect(run.code).toBe(EXIT.usage);
    for (const option of ['--api-token-file', '--token', '--yes']) expect(run.err).toContain(option);
    const choice = await ground.setup({ in: null, type: null, offering: null });
    for (const option of ['--in', '--type', '--offering']) expect(choice.err).toContain(option);
    const target = await ground.setup({ target: 'hetzner' });
    expect(target.err).toContain('servers that the platform makes itself');
    expect(await ground.files()).toEqual([]);
  });

  test('adds its target to the configuration of a registered host, which keeps its comments, without a setup token', async () => {
    expect((await ground.setup({ target: 'first', firewall: 'none' })).code).toBe(EXIT.ok);
    const old = `# mine\n${await ground.read()}`;
    await writeFile(ground.at('etc/dc-agent.toml'), old);
    const run = await ground.setup({ token: null, target: 'second' });
    expect(run.code, run.err).toBe(EXIT.ok);
    const config = await ground.read();
    expect(config.startsWith(old.trimEnd())).toBe(true);
    const backup = /now (\S+)\./.exec(run.out)?.[1] ?? '';
    expect(await readFile(backup, 'utf8')).toBe(old);
  });
});

describe('the setup token is not spent, and nothing stays behind,', () => {
  const expectNothing = async (before: string): Promise<void> => {
    expect(ground.picture()).toBe(before);
    expect(await ground.files()).toEqual([]);
    ground.hetzner.core.faults.clear();
    expect(await ground.isSpent()).toBe(false);
  };

  test('when the API token may only read, or is none', async () => {
    const before = ground.picture();
    await writeFile(ground.at('wrong.token'), 'x'.repeat(64));
    const wrong = await ground.setup({ 'api-token-file': ground.at('wrong.token') });
    expect(wrong.err).toContain('make a new API token in the project');
    ground.hetzner.core.admin.makeReadOnly(ground.hetzner.token);
    const run = await ground.setup();
    expect(run.err).toContain('The token may only read');
    expect([ground.picture(), await ground.files()]).toEqual([before, []]);
  });

  test('when the project is shared with others, unless that is said to be right', async () => {
    ground.hetzner.core.admin.addForeign({ name: 'shop' });
    const before = ground.picture();
    const run = await ground.setup();
    expect(run.err).toContain('the project holds 1 servers that no agent made');
    await expectNothing(before);
    expect((await ground.setup({ 'shared-project': true })).code).toBe(EXIT.ok);
  });

  test('when there is no such type, location or image', async () => {
    const before = ground.picture();
    const run = await ground.setup({ type: 'cx11', in: 'moon', image: 'beos' });
    expect(run.code).toBe(EXIT.usage);
    for (const what of ['location moon', 'server type cx11', 'image beos']) expect(run.err).toContain(what);
    await expectNothing(before);
  });

  test.each([
    ['the firewall cannot be made', 'POST /firewalls', { kind: 'error', code: 'resource_limit_exceeded' }],
    ['the answer about the firewall is lost', 'POST /firewalls', { kind: 'drop-after' }],
  ] as const)('when %s', async (_, call, fault) => {
    const before = ground.picture();
    ground.hetzner.core.faults.add({ call, fault });
    const run = await ground.setup();
    expect(run.code).toBe(EXIT.failed);
    expect(run.err).toContain('is removed again. The setup token is not spent.');
    await expectNothing(before);
  });

  test('when the project proves to lack something at the last look', async () => {
    const before = ground.picture();
    // The settings are looked at as the agent will: an image that is only for another architecture is no image.
    const run = await ground.setup({ set: 'images=["beos"]' });
    expect(run.code).toBe(EXIT.failed);
    expect(run.err).toContain('There is no image beos');
    await expectNothing(before);
  });

  test('when it is interrupted', async () => {
    const before = ground.picture();
    const controller = new AbortController();
    const err = (text: string): void => {
      if (text.includes('Looking at the project')) controller.abort(new Error('interrupted by SIGINT'));
    };
    const run = await ground.setup({}, { signal: controller.signal, err });
    expect(run.code).toBe(EXIT.failed);
    await expectNothing(before);
  });

  test('when the pool is not where this host is', async () => {
    const before = ground.picture();
    const run = await ground.setup({ location: 'latam' });
    expect(run.err).toContain('the setup token is for a pool in europe, and --location says latam');
    await expectNothing(before);
  });
});

describe('once the setup token was sent', () => {
  test('a refused one leaves the project ready, and the same command with a new one goes on from there', async () => {
    const refused = await ground.setup({ token: 'apt_europe_0000000000000000' });
    expect(refused.code).toBe(EXIT.failed);
    expect(refused.err).toContain('the next attempt takes it over');
    const before = ground.picture();
    // The API token is kept by then.
    const run = await ground.setup({ 'api-token-file': null });
    expect(run.code, run.err).toBe(EXIT.ok);
    expect(ground.picture()).toBe(before);
  });

  test('a lost answer is found out about, and finished without a token', async () => {
    ground.platform.core.faults.add({ route: 'setup', fault: { kind: 'drop-after' } });
    const lost = await ground.setup();
    expect(lost.err).toContain('setup hetzner --provider-pubkey');
    const run = await ground.setup({ token: null, 'provider-pubkey': ground.platform.providerKey });
    expect(run.code, run.err).toBe(EXIT.ok);
    expect(await ground.read()).toContain(ground.platform.providerKey);
  });
});

describe('--undo', () => {
  test('removes what was made, says it before, and leaves the configuration', async () => {
    const before = ground.picture();
    await ground.setup();
    const made = ground.picture();
    const shown = await ground.undo({ 'dry-run': true });
    expect(shown.out).toContain('remove firewall dc-agent');
    expect(ground.picture()).toBe(made);
    const run = await ground.undo({ 'api-token-file': null });
    expect(run.code, run.err).toBe(EXIT.ok);
    expect(ground.picture()).toBe(before);
    expect(await ground.files()).toEqual(['dc-agent.toml', 'hcloud.secret']);
    expect(await ground.undo()).toMatchObject({ code: EXIT.ok, out: expect.stringContaining('nothing to take back') });
  });

  test('leaves a firewall that it did not make, and one that a server has', async () => {
    await ground.setup();
    const [firewall] = ground.hetzner.core.project.firewalls.values();
    const id = ground.hetzner.core.admin.addForeign({ name: 'dc-0123456789abcdef', labels: { 'dc-agent/agent': 'x' } });
    firewall?.servers.set(id, 'applied');
    const run = await ground.undo();
    expect([run.code, run.err]).toEqual([EXIT.failed, expect.stringContaining('stays: servers have it')]);
    firewall?.servers.clear();
    if (firewall) firewall.labels = {};
    const theirs = await ground.undo();
    expect([theirs.code, theirs.err]).toEqual([EXIT.ok, expect.stringContaining('not the one that this command made')]);
    expect(ground.hetzner.core.project.firewalls.size).toBe(1);
  });
});

describe('with somebody at the terminal', () => {
  const answers = () => [ground.hetzner.token, ground.platform.setupToken];

  test('it asks for everything, with what is usual as the answer, and shows the catalogue with prices', async () => {
    const ask = person(...answers(), '', 'fsn1', 'beos', '', '', 'small-vps, big-vps', 'web', 'yes');
    const run = await ground.run({ testProvision: true }, { ask });
    expect(run.code, run.err).toBe(EXIT.ok);
    expect(ask.asked.map((question) => question.split(/[ ,:]/, 2).join(' '))).toEqual([
      'API token',
      'Setup token',
      'Give machines',
      'Locations ',
      'Server types',
      'Server types',
      'Image',
      'Offerings that',
      'Firewall for',
      'Go on?',
    ]);
    expect(run.err).toContain('There is no beos: choose from');
    expect(run.err).toMatch(/cx23 +2 +4 GB +40 GB +x86, shared +\d+\.\d\d EUR/);
    expect(targetIn(await ground.read())).toMatchObject({
      offerings: ['small-vps', 'big-vps'],
      server_types: ['cx23'],
      locations: ['fsn1'],
      image: 'debian-13',
      ipv4: 'own',
      firewall: 'dc-agent',
    });
    // Service, doctor and the test machine come last.
    expect(ground.finished).toMatchObject([{ testProvision: true }]);
  });

  test('a no changes nothing', async () => {
    ground.hetzner.core.admin.addForeign({ name: 'shop' });
    const before = ground.picture();
    const refused = await ground.run({}, { ask: person(...answers(), 'no') });
    expect(refused.err).toContain('servers that no agent made');
    const ask = person(...answers(), 'yes', 'yes', 'fsn1', '', '', 'small-vps', 'none', 'no');
    const run = await ground.run({}, { ask });
    expect([run.code, run.err]).toEqual([EXIT.failed, expect.stringContaining('it was not begun')]);
    expect(ground.picture()).toBe(before);
    expect(await ground.files()).toEqual([]);
  });
});
