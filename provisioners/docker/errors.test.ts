import { describe, expect, test } from 'vitest';
import { isDiskLimitRefused, isNetworkMissing, isPortTaken, refused, saysAbsent } from './errors.ts';

const refusal = (status: number, message: string) => ({ doing: 'do it', status, message });

describe('what the engine refuses with', () => {
  // Engines' own words, 20.10 to 29.
  test.each([
    [400, 'Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available', 'permanent'],
    [400, 'Minimum memory limit allowed is 6MB', 'permanent'],
    [400, 'Unknown runtime specified runsc', 'config'],
    [404, 'No such image: nowhere:latest', 'config'],
    [404, "pull access denied for nowhere, repository does not exist or may require 'docker login'", 'config'],
    [404, 'manifest for alpine:nowhere not found: manifest unknown: manifest unknown', 'config'],
    [404, 'network nowhere not found', 'config'],
    [500, 'toomanyrequests: You have reached your pull rate limit.', 'throttled'],
    [500, 'write /var/lib/docker/tmp/x: no space left on device', 'capacity'],
    [403, "no available IPv4 addresses on this network's address pools: dc-agent", 'capacity'],
    [400, 'failed to create task: exec: "/usr/sbin/sshd": stat /usr/sbin/sshd: no such file or directory', 'config'],
    [400, 'OCI runtime create failed: exec: "sshd": executable file not found in $PATH: unknown', 'config'],
    [500, 'database is locked', 'retry'],
    [503, '', 'retry'],
    [401, 'authorization denied by plugin', 'config'],
    [400, 'something new', 'permanent'],
  ])('%i %s is %s', (status, message, kind) => {
    expect(refused(refusal(status, message)).kind).toBe(kind);
  });

  test('never shows outside this host', () => {
    const { message, publicText } = refused(refusal(500, 'open /srv/secret/path: permission denied'));
    expect(message).toContain('/srv/secret/path');
    expect(publicText).not.toContain('/srv');
  });
});

test.each([
  [
    500,
    'driver failed programming external connectivity on endpoint x: Bind for 127.0.0.1:20000 failed: port is already allocated',
    true,
  ],
  [500, 'Error starting userland proxy: listen tcp4 127.0.0.1:20000: bind: address already in use', true],
  [
    500,
    'failed to set up container networking: failed to bind host port 127.0.0.1:20000/tcp: address already in use',
    true,
  ],
  [500, 'driver failed programming external connectivity on endpoint x', false],
  [409, 'port is already allocated', false],
])('a taken port is known by its words: %i %s', (status, message, taken) => {
  expect(isPortTaken(refusal(status, message))).toBe(taken);
});

test.each([
  [404, 'No such container: 0123', true],
  [404, 'no such container: 0123', true],
  [404, 'No such image: 0123', false],
  [404, 'page not found', false],
  [404, '', false],
  [500, 'No such container: 0123', false],
])('absent is said only in the exact form: %i %s', (status, message, absent) => {
  expect(saysAbsent(status, message)).toBe(absent);
});

test('a missing network and an impossible disk limit are told from other refusals', () => {
  expect(isNetworkMissing(refusal(404, 'network 6c2c679246f3 not found'))).toBe(true);
  expect(isNetworkMissing(refusal(404, 'No such container: x'))).toBe(false);
  const words = "--storage-opt is supported only for overlay over xfs with 'pquota' mount option";
  expect(isDiskLimitRefused(refusal(500, words))).toBe(true);
  expect(isDiskLimitRefused(refusal(500, 'no space left on device'))).toBe(false);
});
