import { describe, expect, test } from 'vitest';
import { userData } from '../../src/guest/index.ts';
import { Secret } from '../../src/ports/secret.ts';
import { tenantKey } from '../sandbox/ssh-login.ts';
import { readUserData } from './user-data.ts';

describe('a guest', () => {
  test('takes keys from the top, from the user root, and its host key', () => {
    const text = `#cloud-config
# written by hand
disable_root: false
ssh_pwauth: false
ssh_deletekeys: false
final_message: >
  folded
   text
ssh_authorized_keys:
  - ssh-ed25519 AAAA one
  - "ssh-ed25519 BBBB two: quoted"
users:
  - name: other
    ssh_authorized_keys:
      - ssh-ed25519 XXXX
  - name: root
    lock_passwd: true
    ssh_authorized_keys: ['ssh-ed25519 CCCC']
ssh_keys:
  ed25519_private: |
    -----BEGIN OPENSSH PRIVATE KEY-----
    abc

    -----END OPENSSH PRIVATE KEY-----
  ed25519_public: ssh-ed25519 DDDD host
runcmd:
- [ "true" ]
`.replace("['ssh-ed25519 CCCC']", '["ssh-ed25519 CCCC"]');
    expect(readUserData(text)).toEqual({
      passwords: false,
      keepsHostKeys: true,
      authorizedKeys: ['ssh-ed25519 AAAA one', 'ssh-ed25519 BBBB two: quoted', 'ssh-ed25519 CCCC'],
      hostKey: {
        private: '-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n\n-----END OPENSSH PRIVATE KEY-----\n',
        public: 'ssh-ed25519 DDDD host',
      },
    });
  });

  test('reads JSON just as well, since it is YAML', () => {
    const document = {
      ssh_authorized_keys: ['ssh-ed25519 AAAA'],
      users: [{ name: 'root', ssh_authorized_keys: ['k'] }],
    };
    expect(readUserData(`#cloud-config\n${JSON.stringify(document)}`).authorizedKeys).toEqual([
      'ssh-ed25519 AAAA',
      'k',
    ]);
  });

  test('reads every cloud-config of a MIME document, by the rule for merging that each one names', () => {
    const coded = Buffer.from(
      '#cloud-config\nssh_authorized_keys: [two]\nmerge_how: "list(append)+dict(recurse_list)"\n',
    );
    const text = [
      'Content-Type: multipart/mixed; boundary="==b(1)=="',
      'MIME-Version: 1.0',
      '',
      '--==b(1)==',
      'Content-Type: text/cloud-config; charset="utf-8"',
      '',
      'ssh_pwauth: false',
      'ssh_authorized_keys: [one]',
      '--==b(1)==',
      'Content-Type: text/x-shellscript',
      '',
      '#!/bin/sh',
      'echo "ssh_authorized_keys: [none]"',
      '--==b(1)==',
      'Content-Type: text/cloud-config',
      'Content-Transfer-Encoding: base64',
      '',
      coded.toString('base64').replace(/.{40}/g, '$&\n'),
      '--==b(1)==',
      'Content-Type: text/cloud-config',
      'Merge-Type: dict(recurse_array)+list(append)+str()',
      '',
      '#cloud-config',
      'ssh_authorized_keys: [three]',
      '--==b(1)==--',
      '',
    ];
    for (const newline of ['\n', '\r\n']) {
      const { authorizedKeys, passwords } = readUserData(text.join(newline));
      expect([authorizedKeys, passwords]).toEqual([['one', 'two', 'three'], false]);
    }
    const replacing = text.filter((line) => !line.startsWith('Merge-Type')).join('\n');
    expect(readUserData(replacing).authorizedKeys).toEqual(['three']);
  });

  // As cloud-init's own mergers answered.
  test.each([
    ['', ['theirs'], false],
    ['merge_how: list(append)', ['ours'], true],
    ['merge_how: list(append)+dict(recurse_dict)', ['ours'], true],
    ['merge_how: dict(no_replace,recurse_list)+list(append)', ['ours', 'theirs'], true],
  ])('lets a later part win, or not, by its rule: %j', (rule, keys, passwords) => {
    const parts = [
      '#cloud-config\nssh_authorized_keys: [ours]\nssh_pwauth: true',
      `#cloud-config\nssh_authorized_keys: [theirs]\nssh_pwauth: false\n${rule}`,
    ];
    const seen = readUserData(`#cloud-config-archive\n${JSON.stringify(parts)}`);
    expect([seen.authorizedKeys, seen.passwords]).toEqual([keys, passwords]);
  });

  test('reads an archive', () => {
    const parts = [
      { type: 'text/cloud-config', content: 'ssh_authorized_keys: [one]' },
      { type: 'text/x-shellscript', content: '#!/bin/sh' },
      '#cloud-config\nssh_authorized_keys: [two]\nmerge_how: [{name: list, settings: [append]}, {name: dict, settings: [recurse_list]}]',
    ];
    expect(readUserData(`#cloud-config-archive\n${JSON.stringify(parts)}`).authorizedKeys).toEqual(['one', 'two']);
  });

  test.each([
    '',
    '#!/bin/sh\nssh_authorized_keys:\n  - k',
    'ssh_authorized_keys:\n  - k',
    '#cloud-config',
    '#cloud-config\n{"a":',
    '#cloud-config\na: "b',
  ])('is set up by nothing else: %j', (text) => {
    expect(readUserData(text)).toEqual({ authorizedKeys: [], passwords: true, keepsHostKeys: false });
  });
});

test('the agent’s own document, beside one that would lock its tenant out, leaves the tenant in', () => {
  const [tenant, hostKey] = [tenantKey().public, tenantKey()];
  const machine = {
    sshKeys: [tenant],
    hostKey: { privateKey: new Secret(hostKey.private), publicKey: hostKey.public },
  };
  const theirs =
    '#cloud-config-archive\n- type: text/cloud-config\n  content: |\n    ssh_authorized_keys: [other]\n    ssh_keys: {}\n';
  const seen = readUserData(userData(machine, theirs));
  expect([seen.authorizedKeys, seen.hostKey?.public]).toEqual([[tenant], hostKey.public]);
});
