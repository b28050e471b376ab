import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { CloudInitError, type MachineConfig, userData } from './cloud-init.ts';
import { sshKeyPair } from './key-pair.ts';

const hostKey = sshKeyPair(new Uint8Array(32).fill(1));
const agentKey = sshKeyPair(new Uint8Array(32).fill(2)).publicKey;
const tenant = sshKeyPair(new Uint8Array(32).fill(3)).publicKey;
const machine: MachineConfig = { sshKeys: [tenant], hostKey };

function read(text: string): Record<string, unknown> {
  expect(text.startsWith('#cloud-config\n')).toBe(true);
  return parse(text, { version: '1.1' });
}

describe('the document of a machine', () => {
  test('lets the tenant in, says who the machine is, and grows its disk', () => {
    expect(read(userData(machine))).toEqual({
      disable_root: false,
      ssh_authorized_keys: [tenant],
      ssh_deletekeys: true,
      ssh_keys: { ed25519_private: hostKey.privateKey.reveal(), ed25519_public: hostKey.publicKey },
      growpart: { mode: 'auto', devices: ['/'] },
      resize_rootfs: true,
      locale: 'C.UTF-8',
    });
  });

  test('holds our own key with a last day, and a user where one is wanted', () => {
    const until = Date.UTC(2030, 0, 31, 12);
    const document = read(
      userData({ ...machine, agentKey: { publicKey: agentKey, until }, user: 'deploy', hostname: 'dc-1' }),
    );
    expect(document).toMatchObject({ hostname: 'dc-1', ssh_authorized_keys: [tenant] });
    expect(document['users']).toEqual([
      'default',
      expect.objectContaining({ name: 'deploy', ssh_authorized_keys: [tenant] }),
      { name: 'root', lock_passwd: false, ssh_authorized_keys: [`expiry-time="20300201" ${agentKey}`] },
    ]);
  });

  test('is the same for every attempt', () => {
    expect(userData(machine, '#!/bin/sh\n')).toBe(userData(machine, '#!/bin/sh\n'));
  });
});

describe('the offering’s own document', () => {
  test('is merged: keys add up, and in what is not ours alone it goes first', () => {
    const other = sshKeyPair(new Uint8Array(32).fill(4)).publicKey;
    const document = read(
      userData(
        machine,
        `#cloud-config\npackages: [nginx]\nlocale: de_DE.UTF-8\ngrowpart: {mode: 'off'}\nssh_authorized_keys:\n  - ${other}\n  - ${tenant}\n`,
      ),
    );
    expect(document).toMatchObject({
      packages: ['nginx'],
      locale: 'de_DE.UTF-8',
      growpart: { mode: 'off' },
      ssh_authorized_keys: [tenant, other],
      disable_root: false,
    });
  });

  test('is read as cloud-init reads it, and means the same afterwards', () => {
    const text = `#cloud-config
write_files:
  - {path: /etc/a, permissions: '0644', content: "yes"}
  - {path: /etc/b, permissions: 0644, content: "line\\n: - # 'quoted'\\tand \\u00fc"}
runcmd: [[echo, "on", 'null', "1_000", "~", "2026-01-01", "0x1f", ""]]
base: &base {a: yes}
derived: {<<: *base, b: 'no'}
`;
    const { runcmd, write_files, derived } = read(userData(machine, text));
    expect(runcmd).toEqual([['echo', 'on', 'null', '1_000', '~', '2026-01-01', '0x1f', '']]);
    expect(write_files).toEqual([
      { path: '/etc/a', permissions: '0644', content: 'yes' },
      { path: '/etc/b', permissions: 0o644, content: "line\n: - # 'quoted'\tand ü" },
    ]);
    expect(derived).toEqual({ a: true, b: 'no' });
  });

  test.each([
    ['ssh_keys', '#cloud-config\nssh_keys: {ed25519_private: x}\n', 'may not set ssh_keys'],
    ['disable_root', '#cloud-config\ndisable_root: true\n', 'may not set disable_root'],
    ['a key twice', '#cloud-config\na: 1\na: 2\n', 'is not YAML'],
    ['no YAML', '#cloud-config\na: [1\n', 'is not YAML'],
    ['a list', '#cloud-config\n- a\n', 'is not a list of keys and values'],
    ['no known kind', 'packages: [nginx]\n', 'begins with none of the words'],
    ['mail that is no archive', 'Content-Type: text/plain\n\nhello\n', 'begins with none of the words'],
  ])('is refused with %s', (_, document, words) => {
    expect(() => userData(machine, document)).toThrow(CloudInitError);
    expect(() => userData(machine, document)).toThrow(words);
  });

  test('that stands for gigabytes is refused, and costs nothing', () => {
    const lines = Array.from({ length: 30 }, (_, n) => `k${n + 1}: &k${n + 1} [*k${n}, *k${n}, *k${n}, *k${n}]`);
    expect(() => userData(machine, `#cloud-config\nk0: &k0 [x, x]\n${lines.join('\n')}\n`)).toThrow(CloudInitError);
  });

  test.each([
    ['a script', '#!/bin/sh\necho --dc-\n', 'text/x-shellscript'],
    ['a template', '## template: jinja\n#cloud-config\na: {{ v1.region }}\n', 'text/jinja2'],
    ['an include', '#include\nhttps://example.org/\n', 'text/x-include-url'],
    ['an archive of cloud-init’s', "#cloud-config-archive\n- '#!/bin/sh'\n", 'text/cloud-config-archive'],
  ])('travels beside ours when it is %s', (_, document, type) => {
    const text = userData(machine, document);
    const parts = partsOf(text);
    // Ours last: of two parts that name the same key cloud-init keeps the later one.
    expect(parts.map((part) => part.type)).toEqual([type, 'text/cloud-config']);
    expect(parts[0]?.content).toBe(document);
    expect(parts[1]?.content).toBe(userData(machine));
  });

  test('that is a MIME archive goes in whole', () => {
    const inner =
      'Content-Type: multipart/mixed; boundary="inner"\n\n--inner\nContent-Type: text/x-shellscript\n\n#!/bin/sh\n--inner--\n';
    const text = userData(machine, inner);
    expect(text).toContain(`\n${inner}`);
  });
});

function partsOf(text: string): { type: string; content: string }[] {
  const boundary = /boundary="([^"]+)"/.exec(text)?.[1] ?? 'none';
  return text
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => {
      const [head = '', body = ''] = part.trim().split('\n\n');
      return {
        type: /Content-Type: ([^;]+)/.exec(head)?.[1] ?? '',
        content: Buffer.from(body, 'base64').toString('utf8'),
      };
    });
}
