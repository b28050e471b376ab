import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cleanSshKey, sshFingerprint, sshKeyBlob } from './ssh-key.ts';

const field = (bytes: Uint8Array | string): Buffer => {
  const body = Buffer.from(bytes);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
};
const keyOf = (type: string, ...fields: (Uint8Array | string)[]): string =>
  `${type} ${Buffer.concat([type, ...fields].map(field)).toString('base64')}`;
const rsaOf = (bits: number): string => {
  const jwk = generateKeyPairSync('rsa', { modulusLength: bits }).publicKey.export({ format: 'jwk' });
  return keyOf('ssh-rsa', Buffer.from([1, 0, 1]), Buffer.concat([Buffer.of(0), Buffer.from(jwk.n ?? '', 'base64url')]));
};
const ecdsaFields = (curve: string, crv: string): [string, Buffer] => {
  const { x = '', y = '' } = generateKeyPairSync('ec', { namedCurve: crv }).publicKey.export({ format: 'jwk' });
  return [curve, Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])];
};

const ED25519 = keyOf('ssh-ed25519', Buffer.alloc(32, 7));
const accepted = {
  'ssh-ed25519': ED25519,
  'ssh-rsa': rsaOf(2048),
  'ecdsa-sha2-nistp256': keyOf('ecdsa-sha2-nistp256', ...ecdsaFields('nistp256', 'P-256')),
  'ecdsa-sha2-nistp384': keyOf('ecdsa-sha2-nistp384', ...ecdsaFields('nistp384', 'P-384')),
  'ecdsa-sha2-nistp521': keyOf('ecdsa-sha2-nistp521', ...ecdsaFields('nistp521', 'P-521')),
  'sk-ssh-ed25519@openssh.com': keyOf('sk-ssh-ed25519@openssh.com', Buffer.alloc(32, 9), 'ssh:'),
  'sk-ecdsa-sha2-nistp256@openssh.com': keyOf(
    'sk-ecdsa-sha2-nistp256@openssh.com',
    ...ecdsaFields('nistp256', 'P-256'),
    'ssh:',
  ),
};

function problemOf(text: string): string {
  const clean = cleanSshKey(text);
  return clean.ok ? `accepted as ${clean.key}` : clean.problem;
}

describe('cleanSshKey accepts', () => {
  test.each(Object.entries(accepted))('%s', (type, key) => {
    expect(cleanSshKey(key)).toEqual({ ok: true, key, type });
  });

  test.each([
    ['a comment', `${ED25519} ann@laptop`],
    ['a comment full of shell', `${ED25519} $(reboot) ; rm -rf / #`],
    ['blanks around it', `  \t${ED25519}\t \r\n\n`],
    ['a second key on the same line, which is only a comment', `${ED25519} ${accepted['ssh-rsa']}`],
  ])('%s, and keeps only type and base64', (_name, text) => {
    expect(cleanSshKey(text)).toEqual({ ok: true, key: ED25519, type: 'ssh-ed25519' });
  });

  test.skipIf(!existsSync('/usr/bin/ssh-keygen'))('what ssh-keygen makes, with the fingerprint that it prints', () => {
    const directory = mkdtempSync(join(tmpdir(), 'dc-key-'));
    try {
      for (const [type, bits] of [
        ['ed25519', '256'],
        ['rsa', '2048'],
        ['ecdsa', '521'],
      ] as const) {
        const file = join(directory, type);
        execFileSync('ssh-keygen', ['-q', '-t', type, '-b', bits, '-N', '', '-C', 'a comment', '-f', file]);
        const clean = cleanSshKey(readFileSync(`${file}.pub`, 'utf8'));
        const printed = execFileSync('ssh-keygen', ['-l', '-f', `${file}.pub`], { encoding: 'utf8' });
        expect(clean.ok && sshFingerprint(sshKeyBlob(clean.key))).toBe(printed.split(' ')[1]);
        expect(problemOf(readFileSync(file, 'utf8'))).toMatch(/^This is a private key/);
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe('cleanSshKey refuses', () => {
  const base64 = ED25519.split(' ')[1] ?? '';
  test.each([
    ['nothing', ' \n', 'missing'],
    ['a sentence', 'please let me in', 'not an SSH public key of a known type'],
    ['a second key on a second line', `${ED25519}\n${ED25519}`, 'one line'],
    ['a command on a second line', `${ED25519} ann\nrunuser -l root`, 'one line'],
    ['a carriage return inside', `${ED25519} ann\rssh-rsa AAAA`, 'one line'],
    ['a line break between type and base64', ED25519.replace(' ', '\n'), 'one line'],
    ['a NUL', `${ED25519}\0`, 'control'],
    ['an escape sequence in the comment', `${ED25519} \u001b[2J`, 'control'],
    ['a Unicode line separator', `${ED25519} a\u2028b`, 'control'],
    ['options before the key', `command="/bin/sh",no-pty ${ED25519}`, 'Options'],
    ['a certificate', `ssh-ed25519-cert-v01@openssh.com ${base64}`, 'certificate'],
    ['DSA', `ssh-dss ${base64}`, 'DSA'],
    ['the SSH2 file format', '---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----', 'ssh-keygen -i'],
    [
      'an OpenSSH private key',
      '-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----',
      'private',
    ],
    ['a PKCS#8 private key', '-----BEGIN PRIVATE KEY-----\nMC4C', 'private'],
    ['a PuTTY private key', 'PuTTY-User-Key-File-3: ssh-ed25519', 'private'],
    ['an enormous private key, by name', `${' '.repeat(50_000)}-----BEGIN RSA PRIVATE KEY-----`, 'private'],
    ['no base64', 'ssh-ed25519', 'base64'],
    ['a truncated copy', ED25519.slice(0, -10), 'damaged'],
    ['missing padding', keyOf('ssh-rsa', 'x').replace(/=+$/, ''), 'base64'],
    ['a foreign character', ED25519.replace('AAAA', 'AA*A'), 'base64'],
    ['another type inside', `ssh-rsa ${base64}`, 'another type'],
    ['data after the key', keyOf('ssh-ed25519', Buffer.alloc(32), 'more'), 'followed'],
    ['a short Ed25519 key', keyOf('ssh-ed25519', Buffer.alloc(31)), '32 bytes'],
    ['a small RSA key', rsaOf(1024), '1024 bits'],
    ['an RSA key of nothing', keyOf('ssh-rsa', Buffer.of(3), Buffer.of(0)), 'wrong form'],
    ['a negative RSA modulus', keyOf('ssh-rsa', Buffer.of(3), Buffer.alloc(256, 0xff)), 'wrong form'],
    ['an RSA exponent of one', keyOf('ssh-rsa', Buffer.of(1), Buffer.alloc(257, 1)), 'not a usable key'],
    ['a curve that does not fit', keyOf('ecdsa-sha2-nistp256', 'nistp384', Buffer.alloc(65, 4)), 'curve point'],
    ['a point off its curve', keyOf('ecdsa-sha2-nistp256', 'nistp256', Buffer.alloc(65, 4)), 'not on the curve'],
    ['a security key without application', keyOf('sk-ssh-ed25519@openssh.com', Buffer.alloc(32), ''), 'application'],
    [
      'a length that points past the end',
      `ssh-ed25519 ${Buffer.from('ffffffff', 'hex').toString('base64')}`,
      'cut short',
    ],
    ['megabytes', `ssh-ed25519 ${'A'.repeat(4_000_000)}`, 'too long'],
    ['an overlong key', `ssh-rsa ${'A'.repeat(8000)}`, 'too long'],
  ])('%s', (_name, text, why) => {
    expect(problemOf(text)).toContain(why);
  });

  test('anything else, without ever failing or repeating what it was given', () => {
    const pieces = fc.array(
      fc.oneof(
        fc.constantFrom(...Object.values(accepted), 'ssh-ed25519', base64, ' ', '\n', '\r', '"', '$(id)'),
        fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)), maxLength: 40 }),
      ),
      { maxLength: 5 },
    );
    fc.assert(
      fc.property(pieces, (parts) => {
        const text = parts.join('');
        const clean = cleanSshKey(text);
        if (clean.ok) {
          const again = cleanSshKey(clean.key);
          return /^[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}$/.test(clean.key) && again.ok && again.key === clean.key;
        }
        return !clean.problem.includes(base64.slice(0, 24)) && !/[\r\n]|\$\(id\)/.test(clean.problem);
      }),
      { numRuns: 300 },
    );
  });
});
