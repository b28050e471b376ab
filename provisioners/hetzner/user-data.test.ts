import { expect, test } from 'vitest';
import { Secret } from '../../src/provisioner/index.ts';
import { tenantKey, userData } from './user-data.ts';

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f';

test('user data lets root in with the tenant’s key, and nobody with a password', () => {
  expect(userData({ sshKey: KEY })).toBe(
    `#cloud-config\ndisable_root: false\nssh_pwauth: false\nssh_authorized_keys:\n  - "${KEY}"\n`,
  );
});

test('host keys come indented, as YAML wants them', () => {
  const privateKey = new Secret('-----BEGIN OPENSSH PRIVATE KEY-----\r\nabc\r\n-----END OPENSSH PRIVATE KEY-----\r\n');
  const text = userData({ sshKey: KEY, hostKeys: [{ type: 'ed25519', privateKey, publicKey: KEY }] });
  expect(text.split('\n').slice(5)).toEqual([
    'ssh_deletekeys: true',
    'ssh_keys:',
    '  ed25519_private: |',
    '    -----BEGIN OPENSSH PRIVATE KEY-----',
    '    abc',
    '    -----END OPENSSH PRIVATE KEY-----',
    `  ed25519_public: "${KEY}"`,
    '',
  ]);
});

test.each(['', 'ssh-ed25519', `${KEY}\n${KEY}`, `${KEY} comment`, 'ssh-ed25519 AAAA"\nruncmd: [x]'])(
  'what is not one key is refused: %j',
  (text) => {
    expect(() => tenantKey(text)).toThrow("is not of the form 'type base64'");
  },
);

test('more than 32 KiB is refused before it is sent', () => {
  const privateKey = new Secret('x\n'.repeat(20_000));
  expect(() => userData({ sshKey: KEY, hostKeys: [{ type: 'rsa', privateKey, publicKey: KEY }] })).toThrow('32 KiB');
});
