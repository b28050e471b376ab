import { describe, expect, test } from 'vitest';
import { sampleOrder } from '../../src/provisioner/conformance.ts';
import type { AgentId } from '../../src/provisioner/index.ts';
import { ailment, inspectedInstance, listedInstance } from './instance.ts';
import { dockerSettings, publicAddress, socketPath } from './schema.ts';
import { stampLabels } from './stamp.ts';

const { stamp } = sampleOrder('a'.repeat(64) as AgentId);
const labels = { ...stampLabels(stamp), 'dc-ssh-port': '42001' };
const settings = dockerSettings.parse({ public_address: '198.51.100.7' });
const listed = (State: string) => ({ Id: 'c', State, Labels: labels, Ports: [] });
const inspected = (State: object) => ({
  Id: 'c',
  Name: '/x',
  State: { Status: 'running', ...State },
  Config: { Labels: labels },
});

describe('a machine', () => {
  test.each([
    ['running', 'running'],
    ['created', 'stopped'],
    ['exited', 'stopped'],
    ['paused', 'stopped'],
    ['dead', 'stopped'],
    ['restarting', 'transition'],
    ['removing', 'transition'],
    ['dreaming', 'unknown'],
  ])('whose container is %s is %s', (state, power) => {
    expect(listedInstance(listed(state), stamp, settings).power).toBe(power);
  });

  test('is reached at the public address and the port of its label, also while it is off', () => {
    const ssh = { host: '198.51.100.7', port: 42_001, user: 'root' };
    expect(listedInstance(listed('exited'), stamp, settings)).toMatchObject({ ipv4: '198.51.100.7', ssh });
  });

  test('has an IPv6 address, or none of its own behind a name', () => {
    const v6 = dockerSettings.parse({ public_address: '2001:db8::7' });
    expect(listedInstance(listed('running'), stamp, v6)).toMatchObject({ ipv6: '2001:db8::7' });
    const name = listedInstance(listed('running'), stamp, dockerSettings.parse({ public_address: 'host.example' }));
    expect(name).not.toHaveProperty('ipv4');
    expect(name.ssh?.host).toBe('host.example');
  });

  test('has been up since its start, and never for less than nothing', () => {
    const container = inspected({ StartedAt: '2026-11-24T02:58:52.423443962Z' });
    const started = Date.parse('2026-11-24T02:58:52.423Z');
    expect(inspectedInstance(container, stamp, settings, started + 1500).uptimeMs).toBe(1500);
    expect(inspectedInstance(container, stamp, settings, started - 1500).uptimeMs).toBe(0);
    const off = inspected({ Status: 'exited', StartedAt: '2026-11-24T02:58:52Z' });
    expect(inspectedInstance(off, stamp, settings, started)).not.toHaveProperty('uptimeMs');
  });

  test.each([
    [{ Status: 'restarting', ExitCode: 127 }, /keeps ending, last with code 127/],
    [{ Status: 'dead' }, /could not remove/],
    [{ Status: 'exited', OOMKilled: true }, /memory was used up/],
    [{ Health: { Status: 'unhealthy' } }, /health check/],
  ])('says what ails it: %j', (state, words) => {
    expect(ailment(inspected(state))).toMatch(words);
  });

  test.each([{ Status: 'running' }, { Status: 'exited', ExitCode: 0 }, { OOMKilled: true }, { Health: null }])(
    'is not called ill without a sign: %j',
    (state) => {
      expect(ailment(inspected(state))).toBeUndefined();
    },
  );
});

test.each([
  [{}, '127.0.0.1'],
  [{ publish_address: '::' }, '127.0.0.1'],
  [{ publish_address: '192.0.2.1' }, '192.0.2.1'],
  [{ publish_address: '192.0.2.1', public_address: 'host.example' }, 'host.example'],
])('with %j tenants connect to %s', (given, expected) => {
  expect(publicAddress(dockerSettings.parse(given))).toBe(expected);
});

test.each([
  ['', '/var/run/docker.sock'],
  ['/run/user/1000/docker.sock', '/run/user/1000/docker.sock'],
  ['unix:///tmp/x.sock', '/tmp/x.sock'],
])("the socket '%s' is %s", (given, expected) => {
  expect(socketPath(dockerSettings.parse({ socket_path: given }))).toBe(expected);
});

test.each([
  { network: 'host' },
  { network: 'none' },
  { publish_address: 'localhost' },
  { port_range_start: 2, port_range_end: 1 },
  { log_max_size: '10' },
  { privileged: true },
])('the setting %j is refused', (given) => {
  expect(dockerSettings.safeParse(given).success).toBe(false);
});
