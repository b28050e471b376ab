import { expect, test } from 'vitest';
import { API, complaints, KEY, options, PUBKEY } from './fixtures.ts';
import { parseConfig } from './load.ts';
import { formatWarning } from './types.ts';

const parse = (text: string) => parseConfig(text, 'a.toml', options);
const warningsOf = (text: string) => parse(text).warnings.map(formatWarning);

/** Every key that the reference agent knows, for a host with Docker and scripts. */
const REFERENCE = `# Written by the wizard of the reference agent
[api]
endpoint = "https://api.decent-cloud.org"
provider_pubkey = "${PUBKEY}"
agent_secret_key = "/root/.dc-agent/agent.key"
provider_secret_key = "${KEY}"
pool_id = "sl-8ebaa1c0"

[polling]
interval_seconds = 20
health_check_interval_seconds = 120
orphan_grace_period_seconds = 7200
orphan_tracker_path = "/var/lib/dc-agent/orphans.json"

[provisioner]
type = "docker"

[provisioner.docker]
socket_path = "/var/run/docker.sock"
network = "bridge"
default_image = "ghcr.io/decent-stuff/dc-agent-ssh:latest"
ssh_port = 22

[[additional_provisioners]]
type = "script"

[additional_provisioners.script]
provision = "/opt/dc/provision.sh"
terminate = "/opt/dc/terminate.sh"
health_check = "/opt/dc/health.sh"
timeout_seconds = 600

[gateway]
dc_id = "dc-sl"
public_ip = "203.0.113.10"
domain = "decent-cloud.org"
gw_prefix = "gw"
port_range_start = 20000
port_range_end = 29999
ports_per_vm = 10
caddy_sites_dir = "/etc/caddy/sites"
port_allocations_path = "/var/lib/dc-agent/port-allocations.json"
`;

test('a file of the reference agent is read as it is', () => {
  const { api, polling, targets, gateway } = parse(REFERENCE);
  expect(api).toMatchObject({ poolId: 'sl-8ebaa1c0', agentKey: { kind: 'file', path: '/root/.dc-agent/agent.key' } });
  expect(polling).toEqual({
    intervalSeconds: 20,
    workIntervalSeconds: 3,
    healthCheckIntervalSeconds: 120,
    orphanGracePeriodSeconds: 7200,
  });
  expect(targets.map(({ name, type, isDefault }) => [name, type, isDefault])).toEqual([
    ['docker', 'docker', true],
    ['script', 'script', false],
  ]);
  expect(targets[0]?.settings).toMatchObject({ network: 'bridge', ssh_port: 22 });
  expect(targets[1]?.settings).toMatchObject({ provision: '/opt/dc/provision.sh', timeout_seconds: 600 });
  // What the reference does not have is at its default.
  expect(gateway).toMatchObject({
    dcId: 'dc-sl',
    publicIp: '203.0.113.10',
    domain: 'decent-cloud.org',
    gwPrefix: 'gw',
    portRangeStart: 20_000,
    portRangeEnd: 29_999,
    portsPerVm: 10,
    caddySitesDir: '/etc/caddy/sites',
    portAllocationsPath: '/var/lib/dc-agent/port-allocations.json',
  });
});

test('what is ignored of it is said', () => {
  expect(warningsOf(REFERENCE)).toEqual([
    'a.toml:6:1: warning: api.provider_secret_key: ignored: the agent signs with agent_secret_key only; take the provider’s key off this host',
    'a.toml:13:1: warning: polling.orphan_tracker_path: ignored: what is known of machines is kept in the ledger, under state_dir',
  ]);
});

test('a host that has only the provider’s key is told what to do', () => {
  expect(complaints(REFERENCE.replace(/^agent_secret_key.*\n/m, ''))).toEqual([
    'a.toml:2:2: api.agent_secret_key: is missing; expected a text, { file = "/path" } or { credential = "name" }; dc-agent setup token makes one',
  ]);
});

test('settings may stand flat in [provisioner], among those of other types', () => {
  const text = `${API}
[provisioner]
type = "script"
provision = "/opt/p"
terminate = "/opt/t"
health_check = "/opt/h"
template_vmid = 9000
do_size = "s-1vcpu-1gb"
`;
  expect(parse(text).targets).toMatchObject([{ name: 'script', settings: { provision: '/opt/p' } }]);
  expect(warningsOf(text)).toEqual([
    'a.toml:11:1: warning: provisioner.template_vmid: ignored: no setting of script',
    'a.toml:12:1: warning: provisioner.do_size: ignored: no setting of script',
  ]);
});

test('of nested and flat settings the nested ones count', () => {
  const text = `${API}
[provisioner]
type = "docker"
ssh_port = 2222
[provisioner.docker]
ssh_port = 22
[provisioner.proxmox]
api_url = "https://YOUR-PROXMOX-HOST:8006"
`;
  expect(parse(text).targets).toMatchObject([{ settings: { ssh_port: 22 } }]);
  expect(warningsOf(text)).toEqual([
    'a.toml:8:1: warning: provisioner.ssh_port: ignored, because [provisioner.docker] is there too',
    'a.toml:11:14: warning: provisioner.proxmox: ignored, because the type is docker',
  ]);
});

test('a misspelt flat setting is still a mistake', () => {
  expect(complaints(`${API}\n[provisioner]\ntype = "docker"\nsocket_pth = "/x"`)).toEqual([
    'a.toml:8:1: provisioner.socket_pth: unknown key; did you mean socket_path?',
  ]);
});

test('a second backend of a type, which the reference agent skips, gets a name by its place', () => {
  const more = '[[additional_provisioners]]\ntype = "docker"\n';
  const text = `${API}\n[provisioner]\ntype = "docker"\n${more}${more}`;
  expect(parse(text).targets.map(({ name }) => name)).toEqual(['docker', 'docker-2', 'docker-3']);
  expect(warningsOf(text)).toEqual([
    'a.toml:8:3: warning: additional_provisioners[0]: another backend of type docker; it is called docker-2 by its place in the file. Give it a name of its own with [[targets]]',
    'a.toml:10:3: warning: additional_provisioners[1]: another backend of type docker; it is called docker-3 by its place in the file. Give it a name of its own with [[targets]]',
  ]);
});

test('a name that a target chose for itself is not given to another', () => {
  const text = `${API}\n[provisioner]\ntype = "docker"\n[[targets]]\nname = "docker"\ntype = "docker"\n`;
  expect(parse(text).targets.map(({ name }) => name)).toEqual(['docker-2', 'docker']);
});
