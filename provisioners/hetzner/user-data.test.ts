import { expect, test } from 'vitest';
import { Secret } from '../../src/provisioner/index.ts';
import { tenantKey, userData } from './user-data.ts';

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f';

test('user data lets root in with the tenant’s key, and nobody with a password', () => {
  expect(userData({ sshKey: KEY })).toBe(
    `#cloud-config\ndisable_root: false\nssh_pwauth: false\nssh_authorized_keys:\n  - "${KEY}"\n`,
  );
});

test('the host key comes indented, as YAML wants it, and the agent’s own key beside the tenant’s', () => {
  const privateKey = new Secret('-----BEGIN OPENSSH PRIVATE KEY-----\r\nabc\r\n-----END OPENSSH PRIVATE KEY-----\r\n');
  const text = userData({ sshKey: KEY, hostKey: { privateKey, publicKey: KEY }, agentKey: 'ssh-ed25519 AAAA' });
  expect(text.split('\n').slice(5)).toEqual([
    '  - "ssh-ed25519 AAAA"',
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

test('a document that was ordered is handed on as it is', () => {
  const text = '#cloud-config\n# not looked into\n';
  expect(userData({ sshKey: KEY, userData: new Secret(text) })).toBe(text);
});

test.each(['', 'ssh-ed25519', `${KEY}\n${KEY}`, `${KEY} comment`, 'ssh-ed25519 AAAA"\nruncmd: [x]'])(
  'what is not one key is refused: %j',
  (text) => {
    expect(() => tenantKey(text)).toThrow("is not of the form 'type base64'");
    expect(() => userData({ sshKey: text, userData: new Secret('#cloud-config\n') })).toThrow('is not of the form');
  },
);

test('32 KiB are taken, and one byte more is refused before it is sent: bytes, not letters', () => {
  expect(userData({ sshKey: KEY, userData: new Secret('x'.repeat(32_768)) })).toHaveLength(32_768);
  for (const text of ['x'.repeat(32_769), 'ü'.repeat(16_385)]) {
    expect(() => userData({ sshKey: KEY, userData: new Secret(text) })).toThrow('32 KiB');
  }
});
