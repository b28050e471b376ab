import { expect, test } from 'vitest';
import { Secret } from '../ports/secret.ts';
import { API, complaints, KEY, MINIMAL, options, PLANNED_PLUGINS, PUBKEY } from './fixtures.ts';
import { parseConfig } from './load.ts';

const TYPES = [...options.plugins.keys()].join(', ');

const parse = (text: string, env: NodeJS.ProcessEnv = {}) => parseConfig(text, 'a.toml', { ...options, env });

test('a minimal file gets every default', () => {
  expect(parse(MINIMAL)).toEqual({
    file: 'a.toml',
    api: {
      endpoint: 'https://api.decent-cloud.org',
      providerPubkey: PUBKEY,
      agentKey: { kind: 'file', path: '/root/.dc-agent/agent.key' },
    },
    polling: {
      intervalSeconds: 30,
      workIntervalSeconds: 3,
      healthCheckIntervalSeconds: 300,
      orphanGracePeriodSeconds: 3600,
    },
    agent: {
      stateDir: '/var/lib/dc-agent',
      maxConcurrentProvisioning: 4,
      breakerMaxCount: 5,
      breakerMaxShare: 0.2,
      breakerHoldSeconds: 600,
      memoryHeadroomMb: 0,
    },
    recipes: { onFailure: 'fail', timeoutSeconds: 300 },
    targets: [{ name: 'local', type: 'docker', isDefault: true, settings: expect.objectContaining({ ssh_port: 22 }) }],
    warnings: [],
  });
});

test('the state lies where the file says, else where the service manager says, else in /var/lib/dc-agent', () => {
  const written = `${MINIMAL}[agent]\nstate_dir = "/srv/dc"`;
  expect(parse(written, { STATE_DIRECTORY: '/var/lib/private/dc' }).agent.stateDir).toBe('/srv/dc');
  expect(parse(MINIMAL, { STATE_DIRECTORY: '/var/lib/private/dc:/var/lib/other' }).agent.stateDir).toBe(
    '/var/lib/private/dc',
  );
  expect(parse(MINIMAL, { STATE_DIRECTORY: '' }).agent.stateDir).toBe('/var/lib/dc-agent');
});

test('endpoint and public key are brought into one form', () => {
  const text = MINIMAL.replace('.org"', '.org/"').replace(PUBKEY, PUBKEY.toUpperCase());
  expect(parse(text).api).toEqual(parse(MINIMAL).api);
});

test('the agent key may stand in the file, and then it is a secret', () => {
  const { agentKey } = parse(MINIMAL.replace('/root/.dc-agent/agent.key', ` ${KEY.toUpperCase()} `)).api;
  expect(agentKey).toEqual({ kind: 'hex', secret: expect.any(Secret) });
  expect(agentKey.kind === 'hex' && agentKey.secret.reveal()).toBe(KEY);
});

test('a request budget of its own is taken over, and left open where none is written', () => {
  const limited = MINIMAL.replace('\n[[targets]]', 'reads_per_minute = 90\nwrites_per_minute = 30\n[[targets]]');
  expect(parse(limited).api).toMatchObject({ readsPerMinute: 90, writesPerMinute: 30 });
  expect(Object.keys(parse(MINIMAL).api)).not.toContain('readsPerMinute');
});

test('several targets keep their order, and the first is the default', () => {
  const text = `${MINIMAL}
[[targets]]
name = "other-engine"
type = "docker"
socket_path = "/run/other.sock"
[[targets]]
name = "lab"
type = "script"
[targets.script]
provision = "/opt/p"
terminate = "/opt/t"
health_check = "/opt/h"
`;
  const { targets } = parse(text);
  expect(targets.map(({ name, type, isDefault }) => [name, type, isDefault])).toEqual([
    ['local', 'docker', true],
    ['other-engine', 'docker', false],
    ['lab', 'script', false],
  ]);
  expect(targets[1]?.settings).toMatchObject({ socket_path: '/run/other.sock' });
  expect(targets[2]?.settings).toMatchObject({ provision: '/opt/p', timeout_seconds: 300 });
});

test.each<[what: string, text: string, complaint: string]>([
  [
    'a misspelt key',
    `${MINIMAL}[polling]\ninterval_secnds = 5`,
    'a.toml:10:1: polling.interval_secnds: unknown key; did you mean interval_seconds?',
  ],
  [
    'another way to write a key',
    `${MINIMAL}[agent]\nmaxConcurrentProvisioning = 5`,
    'a.toml:10:1: agent.maxConcurrentProvisioning: unknown key; did you mean max_concurrent_provisioning?',
  ],
  [
    'a key in the wrong table',
    `${MINIMAL}[polling]\n  state_dir = "/x"`,
    'a.toml:10:3: polling.state_dir: unknown key; it belongs in [agent]',
  ],
  ['an unknown key', `${MINIMAL}[polling]\nzzz = 5`, 'a.toml:10:1: polling.zzz: unknown key'],
  ['a misspelt table', `${MINIMAL}[poling]`, 'a.toml:9:2: poling: unknown key; did you mean polling?'],
  [
    'a misspelt setting of a target',
    `${MINIMAL}[targets.docker]\nnetwrk = "x"`,
    'a.toml:10:1: targets[0].docker.netwrk: unknown key; did you mean network?',
  ],
  [
    'a misspelt setting beside name and type',
    `${MINIMAL}pids_limt = 3`,
    'a.toml:9:1: targets[0].pids_limt: unknown key; did you mean pids_limit?',
  ],
  [
    'a missing key',
    MINIMAL.replace(/^endpoint.*\n/m, ''),
    'a.toml:1:2: api.endpoint: is missing; expected a text in quotes',
  ],
  [
    'a wrong kind of value',
    `${MINIMAL}[polling]\ninterval_seconds = "30"`,
    'a.toml:10:1: polling.interval_seconds: is a text; expected a number',
  ],
  [
    'a fraction',
    `${MINIMAL}[polling]\ninterval_seconds = 0.5`,
    'a.toml:10:1: polling.interval_seconds: is a number with a fraction; expected a whole number',
  ],
  [
    'no number at all',
    `${MINIMAL}[polling]\ninterval_seconds = nan`,
    'a.toml:10:1: polling.interval_seconds: is not a finite number; expected a number',
  ],
  [
    'too small a number',
    `${MINIMAL}[polling]\ninterval_seconds = 0`,
    'a.toml:10:1: polling.interval_seconds: is too small; expected at least 1',
  ],
  [
    'too large a number',
    `${MINIMAL}[agent]\nbreaker_max_share = 1.5`,
    'a.toml:10:1: agent.breaker_max_share: is too large; expected at most 1',
  ],
  [
    'a word that is not among the possible ones',
    `${MINIMAL}pull = "sometimes"`,
    'a.toml:9:1: targets[0].pull: is none of the possible values; expected one of missing, never',
  ],
  [
    'a word that is nearly a possible one',
    `${MINIMAL}pull = "mising"`,
    'a.toml:9:1: targets[0].pull: is none of the possible values; expected one of missing, never; did you mean missing?',
  ],
  [
    'a value in none of the possible forms',
    `${MINIMAL}publish_address = "eth0"`,
    'a.toml:9:1: targets[0].publish_address: does not fit; expected an IPv4 or IPv6 address',
  ],
  [
    'a list where a secret belongs',
    MINIMAL.replace('"/root/.dc-agent/agent.key"', '["k"]'),
    'a.toml:4:1: api.agent_secret_key: is a list; expected a text, { file = "/path" } or { credential = "name" }',
  ],
  [
    'a table where a value belongs',
    `${MINIMAL}[polling.interval_seconds]`,
    'a.toml:9:10: polling.interval_seconds: is a table; expected a number',
  ],
  [
    'a value where a table belongs',
    `polling = 3\n${MINIMAL}`,
    'a.toml:1:1: polling: is not a table; expected [polling]',
  ],
  [
    'a relative path',
    `${MINIMAL}[agent]\nstate_dir = "state"`,
    'a.toml:10:1: agent.state_dir: expected an absolute path',
  ],
  [
    'a URL with a password',
    MINIMAL.replace('https://', 'https://me:hunter2@'),
    'a.toml:2:1: api.endpoint: expected an http:// or https:// URL without user name, password, query or fragment',
  ],
  [
    'the version in the URL',
    MINIMAL.replace('.org"', '.org/api/v1"'),
    'a.toml:2:1: api.endpoint: ends in /api/v1, which the agent adds itself; leave it out',
  ],
  [
    'a public key that is none',
    MINIMAL.replace(PUBKEY, 'abc'),
    'a.toml:3:1: api.provider_pubkey: expected 64 hex digits: the public key of the provider',
  ],
  [
    'a placeholder, and nothing else about the same key',
    MINIMAL.replace(PUBKEY, 'replace-with-your-key'),
    'a.toml:3:1: api.provider_pubkey: still holds the placeholder REPLACE-WITH-YOUR; expected your own value',
  ],
  [
    'ports in the wrong order',
    `${MINIMAL}[gateway]\ndc_id = "dc-sl"\npublic_ip = "203.0.113.10"\nport_range_start = 30000\nport_range_end = 20000`,
    'a.toml:13:1: gateway.port_range_end: is below port_range_start',
  ],
  [
    'a gateway for a target that is not there',
    `${MINIMAL}[gateway]\ndc_id = "dc-sl"\npublic_ip = "203.0.113.10"\ntargets = ["local", "pve"]`,
    'a.toml:12:21: gateway.targets[1]: is no target; expected one of local',
  ],
  [
    'an action without the allowance',
    `${MINIMAL}[gateway]\ndc_id = "dc-sl"\npublic_ip = "203.0.113.10"\nallowance_action = "throttle"`,
    'a.toml:12:1: gateway.allowance_action: throttle needs monthly_allowance_gb: without it nothing is ever used up',
  ],
  ['no backend', API, 'a.toml:1:1: targets: is missing; expected at least one [[targets]] with name and type'],
  [
    'one bracket too few',
    `${API}[targets]\nname = "a"`,
    'a.toml:5:2: targets: is not a list of tables; expected [[targets]], with two brackets',
  ],
  [
    'a target without a name',
    MINIMAL.replace(/^name.*\n/m, ''),
    'a.toml:6:3: targets[0].name: is missing; expected 1 to 32 lower-case letters, digits and hyphens, without a hyphen at either end',
  ],
  [
    'a name that is none',
    MINIMAL.replace('"local"', '"Local_1"'),
    'a.toml:7:1: targets[0].name: is not a name; expected 1 to 32 lower-case letters, digits and hyphens, without a hyphen at either end',
  ],
  [
    'two targets with one name',
    `${MINIMAL}[[targets]]\nname = "local"\ntype = "docker"`,
    'a.toml:10:1: targets[1].name: is the name of an earlier target; expected a name of its own for every target',
  ],
  [
    'a target without a type',
    MINIMAL.replace(/^type.*\n/m, ''),
    `a.toml:6:3: targets[0].type: is missing; expected one of ${TYPES}`,
  ],
  [
    'a type that does not exist',
    MINIMAL.replace('"docker"', '"vmware"'),
    `a.toml:8:1: targets[0].type: is no provisioner of this agent; expected one of ${TYPES}`,
  ],
  [
    'a misspelt type',
    MINIMAL.replace('"docker"', '"dokcer"'),
    `a.toml:8:1: targets[0].type: is no provisioner of this agent; expected one of ${TYPES}; did you mean docker?`,
  ],
])('%s is told with its place', (_what, text, complaint) => {
  expect(complaints(text)).toEqual([complaint]);
});

test('a type that is planned is told with its place', () => {
  const text = `${API}[[targets]]\nname = "pve"\ntype = "nimbus"\n[targets.nimbus]\napi_token = "t"\n`;
  expect(complaints(text, { planned: PLANNED_PLUGINS })).toEqual([
    `a.toml:7:1: targets[0].type: this version has no provisioner nimbus yet; expected one of ${TYPES}`,
  ]);
});

test('all problems are told at once, in the order of the file', () => {
  const text = `[api]
endpoint = 3
agent_secret_key = "/k"
[agent]
state_dir = ""
[[targets]]
name = "a"
type = "docker"
ssh_port = 0
`;
  expect(complaints(text)).toEqual([
    'a.toml:1:2: api.provider_pubkey: is missing; expected a text in quotes; dc-agent setup token finds it out',
    'a.toml:2:1: api.endpoint: is a whole number; expected a text in quotes',
    'a.toml:5:1: agent.state_dir: expected an absolute path',
    'a.toml:9:1: targets[0].ssh_port: is too small; expected at least 1',
  ]);
});

test.each<[what: string, text: string, complaint: string]>([
  ['a text without quotes', 'a = b', 'a.toml:1:5: is not TOML: invalid value; a text needs quotes'],
  [
    'a key that stands twice',
    `${MINIMAL}[polling]\ninterval_seconds = 3\ninterval_seconds = 4`,
    'a.toml:11:1: is not TOML: trying to redefine an already defined table or value; a key or table may stand in the file once: remove one of the two',
  ],
  [
    'a table that stands twice',
    `${MINIMAL}[polling]\n[agent]\n[polling]`,
    'a.toml:11:2: is not TOML: trying to redefine an already defined table or value; a key or table may stand in the file once: remove one of the two',
  ],
  [
    'a backslash that means nothing',
    'a = "C:\\dir"',
    'a.toml:1:9: is not TOML: unrecognised escape sequence; write \\\\ for a backslash, or the text in single quotes',
  ],
  ['an unfinished text', "a = 'x", 'a.toml:1:5: is not TOML: unfinished string'],
  [
    'a number that cannot be held exactly',
    'a = 99999999999999999999',
    'a.toml:1:5: is not TOML: integer value cannot be represented losslessly',
  ],
  [
    'a table that would reach into JavaScript',
    '[__proto__]\nx = 1',
    'a.toml:1:2: is not TOML: document contains an unsafe property; no key is called __proto__ or constructor',
  ],
  ['a tower of tables', `${'a.'.repeat(40)}b = 1`, 'a.toml:1:1: holds tables or lists more than 32 deep'],
])('%s: no TOML, or none that we take', (_what, text, complaint) => {
  expect(complaints(text)).toEqual([complaint]);
});

test('line ends of Windows and a byte order mark change neither meaning nor places', () => {
  const windows = (text: string) => `\uFEFF${text.replaceAll('\n', '\r\n')}`;
  expect(parse(windows(MINIMAL))).toEqual(parse(MINIMAL));
  const wrong = `polling = 3\n${MINIMAL}[agent]\nx = 1`;
  expect(complaints(windows(wrong))).toEqual(complaints(wrong));
});

test.each<[code: string, text: string, path: string]>([
  ['plain-http', MINIMAL.replace('https:', 'http:'), 'api.endpoint'],
  ['relative-path', MINIMAL.replace('/root/.dc-agent', '.dc-agent'), 'api.agent_secret_key'],
  ['private-address', `${MINIMAL}[gateway]\ndc_id = "dc-sl"\npublic_ip = "192.168.1.2"`, 'gateway.public_ip'],
])('what works and is probably not meant is warned about: %s', (code, text, path) => {
  expect(parse(text).warnings.map((warning) => [warning.code, warning.path])).toEqual([[code, path]]);
});

test('a platform on this very host needs no encryption', () => {
  expect(parse(MINIMAL.replace('https://api.decent-cloud.org', 'http://127.0.0.1:8080')).warnings).toEqual([]);
});
