import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/ports/clock.ts';
import { systemRandom } from '../../src/ports/random.ts';
import { createVultrCore, type VultrCore } from './core.ts';
import { SIMULATOR_KEY } from './options.ts';
import { startVultr, type VultrServer } from './server.ts';

const headers = { authorization: `Bearer ${SIMULATOR_KEY}` };
let core: VultrCore;
let server: VultrServer;

beforeEach(async () => {
  core = createVultrCore({ clock: systemClock, random: systemRandom });
  server = await startVultr({ core });
});
afterEach(async () => {
  await server.close();
  core.close();
});

const get = (path: string) => fetch(`${server.endpoint}${path}`, { headers });
const admin = async (verb: string, body?: object) => {
  const answer = await fetch(new URL(`/__admin/${verb}`, server.endpoint), {
    method: body === undefined ? 'GET' : 'POST',
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const json = (await answer.json()) as { id?: string };
  return { status: answer.status, json };
};

test('answers over real HTTP, also without a body', async () => {
  const id = core.admin.addForeign();
  expect(await (await get('/instances')).json()).toMatchObject({ instances: [{ id }] });
  const deleted = await fetch(`${server.endpoint}/instances/${id}`, { method: 'DELETE', headers });
  expect([deleted.status, await deleted.text()]).toEqual([204, '']);
});

test.each(['drop-before', 'drop-after', 'truncate'] as const)('%s breaks the connection', async (kind) => {
  core.faults.add({ call: 'GET /instances', fault: { kind } });
  await expect(get('/instances').then((answer) => answer.text())).rejects.toThrow();
  expect((await get('/instances')).status).toBe(200);
});

test('takes orders from other processes, and refuses what it does not know', async () => {
  const { json } = await admin('add-foreign', { label: 'shop', tags: ['x'] });
  expect((await admin('instances')).json).toMatchObject([{ id: json.id, label: 'shop', tags: ['x'] }]);
  await admin('fault', { call: 'GET /instances', fault: { kind: 'error', status: 418, message: 'tea' } });
  expect([(await get('/instances')).status, (await get('/instances')).status]).toEqual([418, 200]);
  expect((await admin('lose', { id: 'nobody' })).status).toBe(400);
  expect((await admin('set-stock', { plan: 'x' })).status).toBe(400);
  expect((await admin('explode', {})).status).toBe(404);
  const page = await fetch(new URL('/__admin/clear-faults', server.endpoint), {
    method: 'POST',
    headers: { origin: 'https://example.org' },
  });
  expect(page.status).toBe(403);
});
