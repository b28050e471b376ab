import { describe, expect, test } from 'vitest';
import { Secret } from '../../src/provisioner/index.ts';
import { MAX_USER_DATA_BYTES, tenantKey, userData } from './user-data.ts';

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f';

describe('user data', () => {
  test('lets root in with the tenant’s key, and nobody with a password', () => {
    expect(userData({ sshKey: KEY })).toBe(
      `#cloud-config\ndisable_root: false\nssh_pwauth: false\nssh_authorized_keys:\n  - "${KEY}"\n`,
    );
  });

  test('holds the host key, indented as YAML wants it, and the agent’s own key', () => {
    const privateKey = new Secret(
      '-----BEGIN OPENSSH PRIVATE KEY-----\r\nabc\r\n-----END OPENSSH PRIVATE KEY-----\r\n',
    );
    const text = userData({ sshKey: KEY, agentKey: KEY, hostKey: { privateKey, publicKey: KEY } });
    expect(text.split('\n').slice(4)).toEqual([
      `  - "${KEY}"`,
      `  - "${KEY}"`,
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

  test('of the order’s own is taken as it is, and counted in bytes', () => {
    const fits = 'ü'.repeat(MAX_USER_DATA_BYTES / 2);
    expect(userData({ sshKey: KEY, userData: new Secret(fits) })).toBe(fits);
    expect(() => userData({ sshKey: KEY, userData: new Secret(`${fits}.`) })).toThrow('larger than 32 KiB');
    expect(Buffer.from(fits).toString('base64').length).toBeLessThan(65_536);
  });
});

test.each(['', 'ssh-ed25519', `${KEY}\n${KEY}`, `${KEY} comment`, 'ssh-ed25519 AAAA"\nruncmd: [x]'])(
  'what is not one key is refused: %j',
  (text) => {
    expect(() => tenantKey(text)).toThrow("is not of the form 'type base64'");
  },
);
