import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { context } from '../../src/provisioner/conformance/operations.ts';
import { type AgentId, silentLog, systemClock, systemRandom } from '../../src/provisioner/index.ts';
import { DockerProvisioner } from './provisioner.ts';
import { dockerSettings } from './schema.ts';
import { type EngineProxy, startEngineProxy } from './test-proxy.ts';

const GOOD = {
  NCPU: 4,
  MemTotal: 8 * 1024 ** 3,
  Driver: 'btrfs',
  DockerRootDir: '/var/lib/docker-of-no-test',
  ServerVersion: '28.5.0',
  MemoryLimit: true,
  PidsLimit: true,
  CpuCfsQuota: true,
  IPv4Forwarding: true,
  SecurityOptions: ['name=seccomp,profile=builtin'],
  Runtimes: { runc: {}, runsc: {} },
};
const absent = { message: 'No such image: x' };

/** Answers what it is told to: there is no engine behind it. */
let engine: EngineProxy;
beforeEach(async () => {
  const socket = join(tmpdir(), `dc-check-${randomUUID()}.sock`);
  engine = await startEngineProxy(socket, `${socket}.none`);
});
afterEach(() => engine.close());

function says(call: RegExp, status: number, body: object): void {
  engine.add({ call, trouble: { kind: 'answer', status, body }, always: true });
}

async function findings(info: object, given: object = {}): Promise<string[]> {
  says(/^GET \/info/, 200, { ...GOOD, ...info });
  says(/^GET \/images/, 200, { Config: {} });
  says(/^GET \/networks/, 404, { message: 'network x not found' });
  const settings = dockerSettings.parse({ socket_path: engine.socketPath, public_address: '198.51.100.7', ...given });
  const deps = { agent: 'a'.repeat(64) as AgentId, target: 'docker', clock: systemClock, random: systemRandom };
  const provisioner = new DockerProvisioner(settings, { ...deps, log: silentLog });
  const found = await provisioner.check(context());
  await provisioner.close();
  for (const { level, remedy } of found) expect(remedy === undefined).toBe(level === 'pass');
  return found.filter(({ level }) => level !== 'pass').map(({ level, code }) => `${level} ${code}`);
}

test('a sound engine has nothing to complain about', async () => {
  expect(await findings({})).toEqual([]);
  expect(engine.calls.every((call) => call.startsWith('GET '))).toBe(true);
});

test.each<[string, object, object, string[]]>([
  ['no memory limit', { MemoryLimit: false }, {}, ['fail docker.limits.missing']],
  ['no process limit', { PidsLimit: false, CpuCfsQuota: false }, {}, ['fail docker.limits.missing']],
  ['no system call filter', { SecurityOptions: null }, {}, ['warn docker.seccomp.missing']],
  ['no forwarding', { IPv4Forwarding: false }, {}, ['warn docker.network.no-forwarding']],
  ['a runtime that it has', {}, { runtime: 'runsc' }, []],
  ['a runtime that it lacks', {}, { runtime: 'kata' }, ['fail docker.runtime.missing']],
  ['no disk limit', { Driver: 'vfs' }, {}, ['warn docker.disk.unlimited']],
  ['no disk limit where one is required', { Driver: 'vfs' }, { disk_limit: 'require' }, ['fail docker.disk.unlimited']],
  ['a disk limit that is off', {}, { disk_limit: 'off' }, ['warn docker.disk.unlimited']],
  ['no such network', {}, { network: 'mine' }, ['fail docker.network.missing']],
  ['a network that is open on purpose', {}, { network_isolation: false }, ['warn docker.network.open']],
  ['an address that nobody reaches', {}, { public_address: '127.0.0.1' }, ['warn docker.address.loopback']],
])('%s is found', async (_, info, given, expected) => {
  expect(await findings(info, given)).toEqual(expected);
});

test.each([
  ['missing', 'warn docker.image.missing'],
  ['never', 'fail docker.image.missing'],
])('a missing image is found, with pull = %s', async (pull, expected) => {
  says(/^GET \/images/, 404, absent);
  expect(await findings({}, { pull })).toEqual([expected]);
});

test('a network whose machines reach each other is found', async () => {
  says(/^GET \/networks/, 200, { Name: 'mine', Options: {}, Labels: null });
  expect(await findings({}, { network: 'mine' })).toEqual(['warn docker.network.open']);
});

test('an engine that does not answer is one finding', async () => {
  const restore = await engine.unplug();
  expect(await findings({})).toEqual(['fail docker.engine.unreachable']);
  await restore();
});
