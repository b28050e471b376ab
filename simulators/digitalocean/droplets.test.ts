import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemRandom } from '../../src/ports/random.ts';
import { type MovableClock, manualClock } from '../platform/manual-clock.ts';
import { createDoCore, type DoCore } from './core.ts';
import { SIMULATOR_TOKEN } from './options.ts';

let clock: MovableClock;
let core: DoCore;

beforeEach(() => {
  clock = manualClock();
  core = createDoCore({ clock, random: systemRandom });
});
afterEach(() => core.close());

interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly json: Record<string, unknown>;
}

function call(method: string, path: string, body?: object, token = SIMULATOR_TOKEN): Answered {
  const {
    status,
    headers,
    body: text,
  } = core.handle({
    method,
    path: `/v2${path}`,
    headers: { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status, headers, json: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
}

const ORDER = { name: 'one', size: 's-1vcpu-1gb', region: 'nyc3', image: 'debian-13-x64' };

function order(given: object = {}): number {
  const { status, json } = call('POST', '/droplets', { ...ORDER, ...given });
  if (status !== 202) throw new Error(`no droplet: ${JSON.stringify(json)}`);
  return (json['droplet'] as { id: number }).id;
}

const get = (id: number) => call('GET', `/droplets/${id}`).json['droplet'];
const act = (id: number, type: string) => call('POST', `/droplets/${id}/actions`, { type });
const list = (query: string) =>
  (call('GET', `/droplets${query}`).json['droplets'] as { id: number }[]).map(({ id }) => id);

describe('a new droplet', () => {
  test('has its tags a moment after the order, is active after a while, and tells its addresses later still', () => {
    const { json } = call('POST', '/droplets', { ...ORDER, tags: ['a:b'], ipv6: true });
    const { id } = json['droplet'] as { id: number };
    expect(json).toMatchObject({
      droplet: { status: 'new', locked: true, tags: [], networks: { v4: [], v6: [] } },
      links: { actions: [{ rel: 'create' }] },
    });
    expect(list('?tag_name=a:b')).toEqual([]);
    expect(list('?name=ONE')).toEqual([id]);
    clock.advance(1_000);
    expect(list('?tag_name=A:B')).toEqual([id]);
    clock.advance(31_000);
    expect(get(id)).toMatchObject({ status: 'active', tags: ['a:b'], networks: { v4: [{ type: 'private' }], v6: [] } });
    clock.advance(1_500);
    expect(get(id)).toMatchObject({
      networks: { v4: [{ type: 'private' }, { type: 'public' }], v6: [{ type: 'public' }] },
    });
  });

  test('may have the name of another', () => {
    expect(order()).not.toBe(order());
    expect(list('?name=one').length).toBe(2);
  });

  test.each([
    [{ size: 'x' }, /invalid size/],
    [{ region: 'x' }, /invalid region/],
    [{ region: 'nyc2' }, /Region is not available/],
    [{ size: 'c-2', region: 'ams3' }, /Size is not available/],
    [{ image: 'x' }, /invalid image/],
    [{ image: 900, region: 'ams3' }, /image .* not available in the selected region/],
    [{ ssh_keys: [7] }, /invalid key identifiers/],
    [{ user_data: 'é'.repeat(40_000) }, /User data is too long/],
    [{ tags: ['no spaces'] }, /tag name is invalid/],
    [{ vpc_uuid: 'x' }, /VPC/],
  ])('is refused for what is wrong with %o, in words alone', (wrong, message) => {
    const { status, json } = call('POST', '/droplets', { ...ORDER, ...wrong });
    expect([status, json['id']]).toEqual([422, 'unprocessable_entity']);
    expect(json['message']).toMatch(message);
    expect(core.account.droplets.size).toBe(0);
  });

  test('is refused above the limit of the account', () => {
    core.admin.setDropletLimit(1);
    order();
    expect(call('POST', '/droplets', ORDER).json['message']).toMatch(/exceed your droplet limit/);
  });
});

describe('one event at a time', () => {
  test('everything is refused while a droplet is being made, deletion too', () => {
    const id = order();
    for (const { status, json } of [act(id, 'shutdown'), call('DELETE', `/droplets/${id}`)]) {
      expect([status, json['message']]).toEqual([422, 'Droplet already has a pending event.']);
    }
  });

  test('a deleted droplet shows for some seconds more, and then never again', () => {
    const id = order();
    clock.advance(40_000);
    expect(call('DELETE', `/droplets/${id}`).status).toBe(204);
    expect(call('DELETE', `/droplets/${id}`).status).toBe(422);
    clock.advance(3_000);
    expect(call('GET', `/droplets/${id}`)).toMatchObject({ status: 404, json: { id: 'not_found' } });
    expect(list('')).toEqual([]);
  });

  test('a shutdown is done when the machine is off, and errored when it does not listen', () => {
    const [heeds, ignores] = [order(), order()];
    clock.advance(40_000);
    core.admin.setGuest(ignores, { acpi: false });
    const actions = [heeds, ignores].map((id) => (act(id, 'shutdown').json['action'] as { id: number }).id);
    clock.advance(60_000);
    const ends = actions.map((id) => (call('GET', `/actions/${id}`).json['action'] as { status: string }).status);
    expect(ends).toEqual(['completed', 'errored']);
    expect([get(heeds), get(ignores)]).toMatchObject([{ status: 'off' }, { status: 'active' }]);
    expect(act(heeds, 'power_off').json['message']).toMatch(/already powered off/);
  });
});

describe('the limits', () => {
  test('of a minute are told with how long to wait, and count each request for a minute', () => {
    for (let count = 0; count < 250; count++) expect(call('GET', '/account').status).toBe(200);
    const { status, headers, json } = call('GET', '/account');
    expect([status, headers['retry-after'], json['id']]).toEqual([429, '60', 'too_many_requests']);
    clock.advance(60_000);
    expect(call('GET', '/account').status).toBe(200);
  });

  test('of the hour are told in every answer, and not how long', () => {
    expect(call('GET', '/account').headers).toMatchObject({ 'ratelimit-limit': '5000', 'ratelimit-remaining': '4999' });
    core.admin.spendRequests(4_999);
    const { status, headers } = call('GET', '/account');
    expect([status, headers['retry-after'], headers['ratelimit-remaining']]).toEqual([429, undefined, '0']);
  });
});

test('strangers are refused, readers may read, and a path that does not exist looks like a thing that does not', () => {
  expect(call('GET', '/account', undefined, 'x').json).toMatchObject({ id: 'unauthorized' });
  core.admin.makeReadOnly(SIMULATOR_TOKEN);
  expect(call('GET', '/account').status).toBe(200);
  expect(call('POST', '/droplets', ORDER).json).toMatchObject({ id: 'forbidden' });
  expect(call('GET', '/nonsense')).toMatchObject({ status: 404, json: { id: 'not_found' } });
});

test('a key is one thing whatever it is called, and a droplet without one has its password mailed', () => {
  const key = { public_key: `ssh-ed25519 ${'A'.repeat(68)} me` };
  const { json } = call('POST', '/account/keys', { name: 'a', ...key });
  const { fingerprint } = json['ssh_key'] as { fingerprint: string };
  expect(call('POST', '/account/keys', { name: 'b', ...key }).json['message']).toMatch(/already in use/);
  expect(call('GET', `/account/keys/${fingerprint}`).status).toBe(200);
  const [keyed, bare] = [order({ ssh_keys: [fingerprint] }), order()];
  const mailed = (id: number) => core.account.droplets.get(id)?.mailedPassword;
  expect([mailed(keyed), mailed(bare)]).toEqual([false, true]);
});

test('a tag outlives its droplets, is counted, and takes no droplet with it when it is deleted', () => {
  const id = order({ tags: ['t'] });
  clock.advance(40_000);
  expect(call('GET', '/tags/t').json).toMatchObject({ tag: { resources: { count: 1, droplets: { count: 1 } } } });
  expect(call('DELETE', '/tags/t').status).toBe(204);
  expect(get(id)).toMatchObject({ tags: [] });
  expect(call('GET', '/tags/t').status).toBe(404);
  expect(call('POST', '/tags/t/resources', { resources: [] }).status).toBe(404);
});

test('lists come in pages whose links name the public host', () => {
  for (let count = 0; count < 25; count++) order();
  const { json } = call('GET', '/droplets');
  expect((json['droplets'] as unknown[]).length).toBe(20);
  expect(json).toMatchObject({
    meta: { total: 25 },
    links: { pages: { next: 'https://api.digitalocean.com/v2/droplets?page=2&per_page=20' } },
  });
  expect(call('GET', '/droplets?per_page=201').status).toBe(422);
});
