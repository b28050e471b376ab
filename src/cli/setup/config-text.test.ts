import { parse } from 'smol-toml';
import { expect, test } from 'vitest';
import { settingForm, type TargetPlace, withTarget } from './config-text.ts';

const API = '# mine\n[api]\nendpoint = "https://api.example.org" # here\n';
const at = (name: string): TargetPlace => ({ name, type: 'proxmox', command: 'setup proxmox' });
const NEW = { node: 'pve', vmid_start: 100_000 };

test('a new target is put at the end, and everything before stays as it was written', () => {
  const text = withTarget(`${API}[[targets]]\nname = "a"\ntype = "docker"\n`, 'a.toml', at('b'), NEW) ?? '';
  expect(text.startsWith(API)).toBe(true);
  expect(parse(text)['targets']).toEqual([
    { name: 'a', type: 'docker' },
    { name: 'b', type: 'proxmox', proxmox: NEW },
  ]);
});

test.each([
  ['a named target', '[[targets]]\nname = "proxmox"\ntype = "proxmox"\n[targets.proxmox]\n'],
  ['the reference agent’s notation', '[provisioner]\ntype = "proxmox"\n[provisioner.proxmox]\n'],
  [
    'a further one of it',
    '[provisioner]\ntype = "docker"\n[[additional_provisioners]]\ntype = "proxmox"\n[additional_provisioners.proxmox]\n',
  ],
])(
  '%s keeps the operator’s settings beside the changed ones; without a change nothing is written',
  (_how, notation) => {
    const text = `${API}${notation}node = "old"\nreserve_memory_mb = 4096\n`;
    const changed = withTarget(text, 'a.toml', at('proxmox'), NEW) ?? '';
    expect(JSON.stringify(parse(changed))).toContain('"node":"pve","reserve_memory_mb":4096,"vmid_start":100000');
    expect(withTarget(changed, 'a.toml', at('proxmox'), NEW)).toBeUndefined();
    expect(parse(changed)['api']).toEqual({ endpoint: 'https://api.example.org' });
  },
);

test('a list of targets that stands on one line is written anew', () => {
  const text = withTarget(`targets = [{ name = "a", type = "docker" }]\n${API}`, 'a.toml', at('b'), NEW) ?? '';
  expect(parse(text)['targets']).toEqual([
    { name: 'a', type: 'docker' },
    { name: 'b', type: 'proxmox', proxmox: NEW },
  ]);
});

test('tells how the secret is written', () => {
  const text = `${API}[[targets]]\nname = "b"\ntype = "proxmox"\nproxmox = { api_token_secret = { credential = "b.secret" } }\n`;
  expect(settingForm(text, 'a.toml', at('b'), 'api_token_secret')).toEqual({ credential: 'b.secret' });
  expect(settingForm(text, 'a.toml', at('c'), 'api_token_secret')).toBeUndefined();
});
