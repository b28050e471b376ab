import { afterEach, beforeEach, expect, test } from 'vitest';
import { type DevDo, startDevDo } from './dev.ts';

let dev: DevDo;

beforeEach(async () => {
  dev = await startDevDo({ options: { speed: 1_000 } });
});
afterEach(() => dev.close());

const ask = (path: string, init: RequestInit = {}) =>
  fetch(`${dev.endpoint}${path}`, { ...init, headers: { authorization: `Bearer ${dev.token}` } });

const command = (verb: string, body: object, headers: Record<string, string> = {}) =>
  fetch(`${new URL(dev.endpoint).origin}/__admin/${verb}`, { method: 'POST', body: JSON.stringify(body), headers });

const ORDER = { name: 'one', size: 's-1vcpu-1gb', region: 'nyc3', image: 'debian-13-x64' };
const order = () => ask('/droplets', { method: 'POST', body: JSON.stringify(ORDER) });

test('it answers over HTTP, and its lines for an agent name where', async () => {
  expect((await order()).status).toBe(202);
  const { account } = (await (await ask('/account')).json()) as { account: { droplet_limit: number } };
  expect(account.droplet_limit).toBe(500);
  expect(dev.configuration).toContain(`endpoint = "${dev.endpoint}"`);
});

test('trouble can be ordered from elsewhere: an answer that is lost, for a call that was done', async () => {
  const fault = { call: 'POST /droplets', fault: { kind: 'drop-after' } };
  expect((await command('fault', fault)).status).toBe(200);
  await expect(order()).rejects.toThrow();
  const truth = await fetch(`${new URL(dev.endpoint).origin}/__admin/droplets`);
  expect(await truth.json()).toMatchObject([{ name: 'one' }]);
});

test('a fault for a call that is not served, a wrong body and an unknown verb are said to be wrong', async () => {
  expect((await command('fault', { call: 'GET /x', fault: { kind: 'hang' } })).status).toBe(400);
  expect((await command('lock', { id: 'x' })).status).toBe(400);
  expect((await command('nonsense', {})).status).toBe(404);
});

test('a web page cannot reach what happens behind the API', async () => {
  expect((await command('lose', { id: 1 }, { origin: 'https://example.com' })).status).toBe(403);
});
