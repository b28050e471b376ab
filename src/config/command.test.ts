import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configCheck } from './command.ts';
import { configExplain, type ExplainedKey } from './explain.ts';
import { API, KEY, MINIMAL, options, PLANNED_PLUGINS, PUBKEY, refusal } from './fixtures.ts';
import { loadConfig } from './load.ts';

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'dc-config-'));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

function file(content: string): string {
  const path = join(home, 'a.toml');
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

test('check tells the targets of a valid file', () => {
  const path = file(`${MINIMAL}[[targets]]\nname = "docker"\ntype = "docker"\n`);
  expect(configCheck(path, options)).toEqual({
    ok: true,
    text: `${path}: valid; targets local (docker), docker`,
    json: {
      file: path,
      valid: true,
      problems: [],
      warnings: [],
      targets: [
        { name: 'local', type: 'docker' },
        { name: 'docker', type: 'docker' },
      ],
    },
  });
});

test('check tells every problem, for people and for scripts', () => {
  const path = file(`${MINIMAL}zzz = 1\nssh_port = 0`);
  expect(configCheck(path, options)).toEqual({
    ok: false,
    text: [
      `${path}:9:1: targets[0].zzz: unknown key`,
      `${path}:10:1: targets[0].ssh_port: is too small; expected at least 1`,
      `${path}: 2 problems`,
    ].join('\n'),
    json: {
      file: path,
      valid: false,
      problems: [
        { file: path, line: 9, column: 1, path: 'targets[0].zzz', message: 'unknown key' },
        {
          file: path,
          line: 10,
          column: 1,
          path: 'targets[0].ssh_port',
          message: 'is too small',
          expected: 'at least 1',
        },
      ],
      warnings: [],
    },
  });
});

const PLANNED = `${API}
[provisioner]
type = "nimbus"
[provisioner.nimbus]
api_token = "0000"
`;

/** As between the day on which a provisioner's settings are decided and the one on which it works. */
const soon = { ...options, planned: PLANNED_PLUGINS };

const PROXMOX = `${API}
[provisioner]
type = "proxmox"
[provisioner.proxmox]
api_url = "https://192.0.2.10:8006"
api_token_id = "root@pam!dc-agent"
api_token_secret = "0d6f1b1e-5a7b-4c3d-9e8f-a1b2c3d4e5f6"
node = "pve"
template_vmid = 9000
storage = "local-zfs"
verify_ssl = false
`;

test('check understands a file for a planned provisioner and warns; whoever wants to run with it is refused', () => {
  const path = file(PLANNED);
  const place = `${path}:7:1`;
  expect(configCheck(path, soon)).toMatchObject({
    ok: true,
    text: [
      `${place}: warning: provisioner.type: this version has no provisioner nimbus yet: dc-agent run refuses the file`,
      `${path}: valid; target nimbus`,
    ].join('\n'),
  });
  expect(refusal(() => loadConfig(path, soon)).message).toBe(
    `${place}: provisioner.type: this version has no provisioner nimbus yet; expected one of ${[...options.plugins.keys()].join(', ')}`,
  );
});

test('the settings of a provisioner are checked', () => {
  const path = file(PROXMOX.replace('template_vmid = 9000', 'template_vmid = 9').replace('node =', 'nod ='));
  expect(configCheck(path, options).text.split('\n')).toEqual([
    `${path}:8:14: provisioner.proxmox.node: is missing; expected a text in quotes`,
    `${path}:12:1: provisioner.proxmox.nod: unknown key; did you mean node?`,
    `${path}:13:1: provisioner.proxmox.template_vmid: is too small; expected at least 100`,
    `${path}: 3 problems`,
  ]);
});

function explained(text: string, env: NodeJS.ProcessEnv = {}): Map<string, Omit<ExplainedKey, 'path'>> {
  const { json } = configExplain(file(text), { ...options, env });
  const { keys } = json as { keys: readonly ExplainedKey[] };
  return new Map(keys.map(({ path, ...rest }) => [path, rest]));
}

test('explain tells every value and where it comes from', () => {
  const keys = explained(`${MINIMAL}ssh_port = 2222\n[agent]\nbreaker_max_count = 9`);
  expect(keys.get('api.endpoint')).toEqual({ value: 'https://api.decent-cloud.org', from: 'file', line: 2 });
  expect(keys.get('api.pool_id')).toEqual({ from: 'unset' });
  expect(keys.get('agent.breaker_max_count')).toEqual({ value: 9, from: 'file', line: 11 });
  expect(keys.get('polling.interval_seconds')).toEqual({ value: 30, from: 'default' });
  expect(keys.get('targets[0].ssh_port')).toEqual({ value: 2222, from: 'file', line: 9 });
  expect(keys.get('targets[0].pids_limit')).toEqual({ value: 512, from: 'default' });
  expect([...keys.keys()].filter((path) => path.startsWith('gateway'))).toEqual([]);
});

test('explain tells which directory the state lies in, and why', () => {
  const stateDir = (text: string, env: NodeJS.ProcessEnv = {}) => explained(text, env).get('agent.state_dir');
  expect(stateDir(MINIMAL)).toEqual({ value: '/var/lib/dc-agent', from: 'default' });
  expect(stateDir(MINIMAL, { STATE_DIRECTORY: '/srv/dc' })).toEqual({ value: '/srv/dc', from: 'environment' });
  expect(stateDir(`${MINIMAL}[agent]\nstate_dir = "/x"`, { STATE_DIRECTORY: '/srv/dc' })).toEqual({
    value: '/x',
    from: 'file',
    line: 10,
  });
});

test('explain shows where a secret lies, and of one in the file itself dots', () => {
  const key = (value: string) =>
    explained(MINIMAL.replace('"/root/.dc-agent/agent.key"', value)).get('api.agent_secret_key')?.value;
  const path = join(home, 'agent.key');
  writeFileSync(path, KEY, { mode: 0o600 });
  expect(key('"/root/.dc-agent/agent.key"')).toBe('/root/.dc-agent/agent.key');
  expect(key(`{ file = "${path}" }`)).toEqual({ file: path });
  expect(key(`"${KEY}"`)).toBe('••••');
});

test('explain is a table for people', () => {
  const { text } = configExplain(file(MINIMAL), options);
  expect(text).toContain('\n[api]\n');
  expect(text).toMatch(/^ {2}api\.provider_pubkey +ab{1}.* line 3$/m);
  expect(text).toMatch(/^target local: docker, the default target$/m);
  expect(text).toMatch(/^ {2}targets\[0]\.network +- +not set$/m);
  expect(text).toContain(PUBKEY);
});

test('explain of a file that is refused tells the problems', () => {
  const path = file('x = 1');
  expect(configExplain(path, options)).toMatchObject({ ok: false, json: { valid: false } });
});
