import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { expect, test } from 'vitest';
import { sshKeyPair } from './key-pair.ts';
import { cleanSshKey, sshFingerprint, sshKeyBlob } from './ssh-key.ts';

const seeds = Array.from({ length: 24 }, (_, index) => new Uint8Array(32).fill(index * 11));

/** Of RFC 8032, 7.1, test 1. */
const RFC_SEED = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
const RFC_PUBLIC = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a';

test('the same seed gives the same pair, and it is the one that the standard says', () => {
  const pair = sshKeyPair(RFC_SEED, 'comment');
  expect(sshKeyPair(RFC_SEED, 'comment')).toEqual(pair);
  expect(sshKeyBlob(pair.publicKey).subarray(-32).toString('hex')).toBe(RFC_PUBLIC);
  expect(cleanSshKey(pair.publicKey)).toEqual({ ok: true, key: pair.publicKey, type: 'ssh-ed25519' });
});

test('ssh2 signs with the private half, and the public half says yes', () => {
  for (const seed of seeds) {
    const pair = sshKeyPair(seed);
    const [secret, open] = [pair.privateKey.reveal(), pair.publicKey].map((text) => ssh2.utils.parseKey(text));
    if (secret === undefined || open === undefined || secret instanceof Error || open instanceof Error)
      throw new Error('unreadable');
    const signed = secret.sign(Buffer.from('hello'));
    expect(open.verify(Buffer.from('hello'), signed)).toBe(true);
  }
});

test('OpenSSH reads the private half to the same public key and fingerprint', () => {
  const directory = mkdtempSync(join(tmpdir(), 'dc-key-'));
  try {
    for (const [index, seed] of seeds.slice(0, 6).entries()) {
      const file = join(directory, String(index));
      // Every length of padding.
      const pair = sshKeyPair(seed, 'c'.repeat(index));
      writeFileSync(file, pair.privateKey.reveal(), { mode: 0o600 });
      chmodSync(file, 0o600);
      const told = execFileSync('ssh-keygen', ['-y', '-f', file], { encoding: 'utf8' }).trim();
      expect(told.split(' ').slice(0, 2).join(' ')).toBe(pair.publicKey);
      const fingerprint = execFileSync('ssh-keygen', ['-l', '-f', file], { encoding: 'utf8' }).split(' ')[1];
      expect(fingerprint).toBe(sshFingerprint(sshKeyBlob(pair.publicKey)));
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('what is no seed is refused', () => {
  expect(() => sshKeyPair(new Uint8Array(31))).toThrow(RangeError);
});
