import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAgentKey, KeyError, loadAgentKey } from './keys.ts';

const HEX = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f';
const PUBLIC = '03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dc-keys-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));
const at = (name: string): string => join(directory, name);

async function failure(promise: Promise<unknown>): Promise<KeyError> {
  const error = await promise.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (!(error instanceof KeyError)) throw new Error(`expected a KeyError, got ${inspect(error)}`);
  return error;
}

describe('creating a key', () => {
  it('writes both files, the secret one for the owner only even under a lax umask', async () => {
    const before = process.umask(0);
    try {
      const key = await createAgentKey(join(directory, 'new', 'home'));
      const secret = join(directory, 'new', 'home', 'agent.key');
      expect((await stat(secret)).mode & 0o777).toBe(0o600);
      expect((await stat(join(directory, 'new', 'home'))).mode & 0o777).toBe(0o700);
      expect(await readFile(secret, 'utf8')).toBe(key.secret.reveal());
      expect(await readFile(join(directory, 'new', 'home', 'agent.pub'), 'utf8')).toBe(key.publicKey);
      const { warnings, ...loaded } = await loadAgentKey(secret);
      expect(warnings).toEqual([]);
      expect(loaded.publicKey).toBe(key.publicKey);
      expect(loaded.secret.reveal()).toBe(key.secret.reveal());
    } finally {
      process.umask(before);
    }
  });

  it('never replaces a key that exists', async () => {
    await writeFile(at('agent.key'), HEX);
    expect((await failure(createAgentKey(directory))).message).toMatch('exists already');
    expect(await readFile(at('agent.key'), 'utf8')).toBe(HEX);
  });

  it('does not show the secret however it is printed', async () => {
    const key = await createAgentKey(directory);
    expect(`${inspect(key)}${JSON.stringify(key)}${String(key.secret)}`).not.toContain(key.secret.reveal());
  });
});

describe('loading a key', () => {
  it('takes 64 hex digits of either case, with white space around', async () => {
    const key = await loadAgentKey(`  ${HEX.toUpperCase()}\n`);
    expect(key.publicKey).toBe(PUBLIC);
    expect(key.secret.reveal()).toBe(HEX);
  });

  it('derives the public key when agent.pub is missing, and trims the file', async () => {
    await writeFile(at('agent.key'), `\n${HEX} \n`, { mode: 0o600 });
    expect(await loadAgentKey(at('agent.key'))).toMatchObject({ publicKey: PUBLIC, warnings: [] });
  });

  it('warns about a file that others can read and about a foreign agent.pub, and still loads', async () => {
    await writeFile(at('agent.key'), HEX);
    await chmod(at('agent.key'), 0o644);
    await writeFile(at('agent.pub'), 'f'.repeat(64));
    const { publicKey, warnings } = await loadAgentKey(at('agent.key'));
    expect(publicKey).toBe(PUBLIC);
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toMatch(/mode 0644.*chmod 600/);
    expect(warnings[1]).toMatch('does not belong');
  });

  it('says what is wrong with a file', async () => {
    expect((await failure(loadAgentKey(at('agent.key')))).message).toMatch('there is no such file');
    expect((await failure(loadAgentKey(`${directory}/`))).message).toMatch('is not a file');
    await writeFile(at('agent.key'), '');
    expect((await failure(loadAgentKey(at('agent.key')))).message).toMatch('it is empty');
    await writeFile(at('agent.key'), '-----BEGIN PRIVATE KEY-----\n');
    expect((await failure(loadAgentKey(at('agent.key')))).message).toMatch('it is PEM');
    execFileSync('/usr/bin/mkfifo', [at('pipe.key')]);
    expect((await failure(loadAgentKey(at('pipe.key')))).message).toMatch('is not a file');
    await truncate(at('agent.key'), 1_000_000);
    expect((await failure(loadAgentKey(at('agent.key')))).message).toMatch('too large');
  });

  it.each([HEX.slice(1), `${HEX}0`, `g${HEX.slice(1)}`, `0x${HEX}`])('never echoes a mistyped key', async (text) => {
    const inline = await failure(loadAgentKey(text));
    expect(inspect(inline)).not.toContain(text.slice(5, 40));
    await writeFile(at('agent.key'), text);
    expect(inspect(await failure(loadAgentKey(at('agent.key'))))).not.toContain(text.slice(5, 40));
  });
});
