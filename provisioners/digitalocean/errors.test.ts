import { describe, expect, test } from 'vitest';
import { clean, readRefusal, refused } from './errors.ts';

const TOKEN = `dop_v1_${'a1'.repeat(32)}`;

function read(status: number, body: object | string, headers: Record<string, string> = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return readRefusal('make a droplet', { status, headers, body: text }, TOKEN);
}

const unprocessable = (message: string) => read(422, { id: 'unprocessable_entity', message });

describe('a refusal', () => {
  test.each([
    ['creating this/these droplet(s) will exceed your droplet limit', 'limit', 'capacity'],
    ['Size is not available in this region.', 'stock', 'capacity'],
    ['Region is not available', 'stock', 'capacity'],
    ['This size is currently restricted.', 'stock', 'capacity'],
    ['This size is sold out', 'stock', 'capacity'],
    ['The image you specified is not available in the selected region, you can transfer it', 'stock', 'capacity'],
    ['You specified an invalid size for Droplet creation.', 'choice', 'config'],
    ['7 are invalid key identifiers for Droplet creation.', 'key', 'retry'],
    ['Droplet already has a pending event.', 'pending-event', 'retry'],
    ['User data is too long (maximum is 65536 characters)', 'user-data', 'permanent'],
    ['SSH Key is already in use on your account', 'taken', 'retry'],
    ['something that nobody has seen yet', 'other', 'retry'],
  ])('"%s" is of %s, and %s', (message, topic, kind) => {
    const refusal = unprocessable(message);
    expect([refusal.topic, refused(refusal).kind]).toEqual([topic, kind]);
  });

  test.each([
    [401, 'unauthorized', 'config'],
    [403, 'forbidden', 'config'],
    [404, 'not_found', 'config'],
    [429, 'too_many_requests', 'throttled'],
    [500, 'server_error', 'unknown-outcome'],
    [503, 'service_unavailable', 'unknown-outcome'],
    [418, 'teapot', 'retry'],
  ])('with status %d and %s is %s', (status, id, kind) => {
    expect(refused(read(status, { id, message: 'x' }), 'unknown-outcome').kind).toBe(kind);
  });

  test('tells how long to wait only where the API did', () => {
    const body = { id: 'too_many_requests', message: 'API Rate limit exceeded.' };
    expect(refused(read(429, body, { 'retry-after': '17' })).retryAfterMs).toBe(17_000);
    expect(refused(read(429, body)).retryAfterMs).toBe(15_000);
    expect(refused(read(429, body, { 'retry-after': 'Fri, 1 Jan' })).retryAfterMs).toBe(15_000);
  });

  test('404 is an absence only in the API’s own words', () => {
    expect(read(404, { id: 'not_found', message: 'x' }).topic).toBe('absent');
    for (const body of ['<html>404</html>', '', '{"id":"nope"}', '{"message":"not_found"}']) {
      expect(read(404, body).topic).not.toBe('absent');
    }
  });

  test('names the request for the provider’s support, and no secret', () => {
    const { text } = read(
      400,
      { id: 'bad_request', message: `token ${TOKEN}, ${'F'.repeat(64)}` },
      { 'x-request-id': 'r-1' },
    );
    expect(text).toBe('bad_request: token [token], [token] (request r-1)');
  });
});

test('keys are taken out of foreign text, also cut ones', () => {
  expect(clean('a -----BEGIN OPENSSH PRIVATE KEY-----\nb', TOKEN)).toBe('a [key]');
  expect(clean(`x ${TOKEN.replace('dop', 'doo')} y`, TOKEN)).toBe('x [token] y');
});
