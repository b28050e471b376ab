import { describe, expect, test } from 'vitest';
import * as wire from './wire.ts';

// Cut from the answers of a Docker Engine 20.10.24 (API 1.41).
const LISTED = {
  Id: '9f40a745ffd9b8b10716d05b8ac49fc8461ffc108e03139f6000c15b2d51f383',
  Names: ['/rec'],
  Image: 'dc-agent-ssh:latest',
  Created: 1795489132,
  Ports: [{ IP: '127.0.0.1', PrivatePort: 22, PublicPort: 31999, Type: 'tcp' }],
  Labels: { a: 'b' },
  State: 'running',
  Status: 'Up Less than a second',
  HostConfig: { NetworkMode: 'default' },
  Mounts: [],
};
const INSPECTED = {
  Id: LISTED.Id,
  Created: '2026-11-24T02:58:52.099531012Z',
  State: {
    Status: 'running',
    Running: true,
    Paused: false,
    OOMKilled: false,
    Pid: 24119,
    ExitCode: 0,
    Error: '',
    StartedAt: '2026-11-24T02:58:52.423443962Z',
    FinishedAt: '0001-01-01T00:00:00Z',
  },
  Name: '/rec',
  Config: { Hostname: '9f40a745ffd9', Labels: { a: 'b' }, Entrypoint: ['/usr/local/sbin/dc-agent-ssh'], Cmd: null },
};

describe('a container', () => {
  test('is read from the list and from a closer look', () => {
    expect(wire.listedContainer.parse(LISTED)).toMatchObject({ Id: LISTED.Id, State: 'running', Labels: { a: 'b' } });
    expect(wire.inspectedContainer.parse(INSPECTED)).toMatchObject({ Id: LISTED.Id, Name: '/rec' });
  });

  test('may lack what it does not have, as null or altogether', () => {
    const { Ports: _, ...bare } = { ...LISTED, Labels: null };
    expect(wire.listedContainer.parse(bare)).toEqual({ Id: LISTED.Id, State: 'running', Labels: {}, Ports: [] });
    const inspected = { ...INSPECTED, Config: { Labels: null }, State: { Status: 'created', Health: null } };
    expect(wire.inspectedContainer.parse(inspected).Config.Labels).toEqual({});
  });

  test('may be in a state that nobody knows yet', () => {
    expect(wire.listedContainer.parse({ ...LISTED, State: 'dreaming' }).State).toBe('dreaming');
  });

  test.each(['Id', 'State'])('without %s is none', (name) => {
    const { [name]: _, ...rest } = LISTED as Record<string, unknown>;
    expect(wire.listedContainer.safeParse(rest).success).toBe(false);
  });
});

test('counters are read per network, none where the machine is off', () => {
  const networks = { eth0: { rx_bytes: 736, rx_packets: 9, tx_bytes: 486, tx_dropped: 0 } };
  const read = '2026-11-24T02:44:53.958631007Z';
  expect(wire.stats.parse({ read, networks, pids_stats: { current: 1 } }).networks['eth0']?.rx_bytes).toBe(736);
  expect(wire.stats.parse({ read: '0001-01-01T00:00:00Z', networks: null }).networks).toEqual({});
});

test('an engine says what it is, with or without what newer ones say', () => {
  const told = { NCPU: 2, MemTotal: 25_275_318_272, Driver: 'overlay2', DockerRootDir: '/var/lib/docker' };
  expect(wire.engineInfo.parse({ ...told, DriverStatus: [['Backing Filesystem', 'extfs']] })).toMatchObject(told);
  expect(wire.engineInfo.parse({ ...told, DriverStatus: null, Runtimes: null })).toMatchObject(told);
  expect(wire.engineInfo.safeParse({ ...told, MemTotal: 0 }).success).toBe(false);
});
