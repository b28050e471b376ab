import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type DevPlatform, startDevPlatform } from '../../simulators/platform/cli.ts';
import { EXIT } from '../../src/cli/exit.ts';
import { type Run, typed } from './harness.ts';

describe('setup token', () => {
  let home: string;
  let platform: DevPlatform;
  let output: string;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'dc-setup-'));
    output = join(home, 'etc', 'dc-agent.toml');
    platform = await startDevPlatform({ keyDirectory: home });
  });
  afterEach(async () => {
    await platform.close();
    await rm(home, { recursive: true, force: true });
  });

  const setup = (options: Readonly<Record<string, string | true>> = {}, input = ''): Promise<Run> => {
    const all: Record<string, string | true> = {
      token: platform.setupToken,
      'api-url': platform.url,
      provisioner: 'sandbox',
      set: `socket_path=${join(home, 'sandbox.sock')}`,
      output,
      ...options,
    };
    const words = Object.entries(all).map(([name, value]) => (value === true ? `--${name}` : `--${name}=${value}`));
    return typed(['setup', 'token', ...words], { env: { HOME: home }, input: async () => input });
  };
  const key = (): Promise<string> => readFile(join(home, '.dc-agent', 'agent.pub'), 'utf8');
  const spent = async (): Promise<boolean> => (await setup({ output: join(home, 'other.toml') })).code !== EXIT.ok;

  test('reads the token from standard input, so that it stands in no process list', async () => {
    expect(await setup({ token: '-' }, `${platform.setupToken}\n`)).toMatchObject({ code: EXIT.ok });
    expect(await readFile(output, 'utf8')).toContain(platform.providerKey);
  });

  test('makes the key and the configuration unreadable for others from their first moment, whatever the umask', async () => {
    const before = process.umask(0);
    try {
      expect((await setup()).code).toBe(EXIT.ok);
    } finally {
      process.umask(before);
    }
    for (const file of [output, join(home, '.dc-agent', 'agent.key')])
      expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(join(home, '.dc-agent'))).mode & 0o777).toBe(0o700);
    expect(await readdir(join(home, 'etc'))).toEqual(['dc-agent.toml']);
  });

  test('a lost answer: the same command finds out, and the registration is finished with the same key', async () => {
    platform.core.faults.add({ route: 'setup', fault: { kind: 'drop-after' } });
    const lost = await setup();
    expect(lost.code).toBe(EXIT.failed);
    expect(lost.err).toContain('answer was lost, but the platform knows this host’s key: it is registered');
    const registered = await key();
    const again = await setup();
    expect(again.code).toBe(EXIT.failed);
    expect(again.err).toContain('is used already, but the platform knows this host’s key');
    expect(again.err).toContain('dc-agent setup token --provider-pubkey');
    expect((await setup({ 'provider-pubkey': platform.providerKey })).code).toBe(EXIT.ok);
    expect(await key()).toBe(registered);
    expect(await readFile(output, 'utf8')).toContain(platform.providerKey);
  });

  test('an answer lost before it was processed leaves the token good', async () => {
    platform.core.faults.add({ route: 'setup', fault: { kind: 'drop-before' } });
    const lost = await setup();
    expect(lost.code).toBe(EXIT.failed);
    expect(lost.err).toContain('does not know this host’s key: it is not registered');
    expect((await setup()).code).toBe(EXIT.ok);
  });

  test('another host’s used token is told from our own', async () => {
    expect((await setup({ 'key-dir': join(home, 'other') })).code).toBe(EXIT.ok);
    const { code, err } = await setup({ output: join(home, 'second.toml') });
    expect(code).toBe(EXIT.failed);
    expect(err).toContain('it is not registered');
    expect(err).toContain('Make a new one');
  });

  test('an existing configuration is kept, and the token too; with --force the old one stays beside the new one', async () => {
    expect((await setup()).code).toBe(EXIT.ok);
    const refused = await setup();
    expect(refused.code).toBe(EXIT.failed);
    expect(refused.err).toContain('exists already');
    await writeFile(output, 'the old one');
    const pool = platform.core.admin.token(platform.pool);
    const forced = await setup({ token: pool, force: true });
    expect(forced.code).toBe(EXIT.ok);
    const backup = /now (\S+)\./.exec(forced.out)?.[1] ?? '';
    expect(await readFile(backup, 'utf8')).toBe('the old one');
  });

  describe('spends no token', () => {
    test('when a setting of the backend is missing or wrong', async () => {
      const { code, err } = await setup({ set: 'socket_path=relative' });
      expect(code).toBe(EXIT.config);
      expect(err).toContain('socket_path');
      expect(await readdir(home)).not.toContain('.dc-agent');
      expect(await spent()).toBe(false);
    });

    test('when the place of the configuration cannot be made', async () => {
      await writeFile(join(home, 'etc'), 'a file where the directory should be');
      const { code, err } = await setup();
      expect(code).toBe(EXIT.failed);
      expect(err).toContain('The token is not spent');
      expect(await spent()).toBe(false);
    });

    test('when the platform is not there', async () => {
      const { code, err } = await setup({ 'api-url': 'http://127.0.0.1:9' });
      expect(code).toBe(EXIT.failed);
      expect(err).toContain('The token is not spent');
      expect(await spent()).toBe(false);
    });

    test.each([
      ['the backend’s name', { provisioner: 'sandbx' }, 'Did you mean sandbox?'],
      ['the platform’s address', { 'api-url': 'ftp://x' }, '--api-url takes'],
      ['a setting', { set: 'socket_path' }, '--set takes key=value'],
      ['the token', { token: 'two words' }, '--token takes the token'],
    ])('when %s is mistyped', async (_what, options, message) => {
      const { code, err } = await setup(options);
      expect(code).toBe(EXIT.usage);
      expect(err).toContain(message);
      expect(await spent()).toBe(false);
    });
  });

  test('a token that the platform does not know, or that has run out, asks for a new one', async () => {
    expect((await setup({ token: 'apt_europe_0000000000000000' })).err).toContain('does not know this setup token');
  });
});
