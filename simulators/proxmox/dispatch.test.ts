import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Bench, createBench } from './test/client.ts';

let bench: Bench;

beforeEach(() => {
  bench = createBench();
});

afterEach(() => bench.core.close());

describe('a request', () => {
  it('asks for rights first, then for the node, and for its parameters last', async () => {
    const noRight = await bench.call('GET', '/nodes/none/status', { bogus: 1 });
    expect(noRight.statusText).toBe('Permission check failed (/nodes/none, Sys.Audit)');
    const noNode = await bench.call('GET', '/nodes/none/status', { bogus: 1 }, 'root');
    expect(noNode.statusText).toMatch(/^hostname lookup 'none' failed - /);
    const noParameter = await bench.call('GET', '/nodes/pve/status', { bogus: 1 }, 'root');
    expect([noParameter.status, Object.keys(noParameter.json.errors ?? {})]).toEqual([400, ['bogus']]);
  });

  it('without credentials is not told whether its path exists', async () => {
    expect((await bench.call('GET', '/no/such/path', {}, 'nobody')).statusText).toBe('No ticket');
    const known = await bench.call('GET', '/no/such/path');
    expect([known.status, known.json.message]).toEqual([501, "Method 'GET /no/such/path' not implemented"]);
  });

  it('names a node as it likes to be called, also as the one that was asked', async () => {
    const { status, json } = await bench.call('GET', '/nodes/localhost/qemu');
    expect([status, json.data]).toEqual([200, [expect.objectContaining({ vmid: bench.template })]]);
  });

  it('cannot give a part of the path again as a parameter', async () => {
    const { statusText } = await bench.call('GET', '/nodes/pve/tasks', { node: 'pve' });
    expect(statusText).toBe("Parameter verification failed - duplicate parameter 'node'");
  });

  it('of a method that no resource has is answered for itself', async () => {
    expect(await bench.call('PATCH', '/version')).toMatchObject({ status: 501, body: '' });
  });

  it('may hold an escape that is none', async () => {
    expect((await bench.call('GET', '/storage/%E0%A4%A')).status).toBe(403);
  });
});

it('an old host says what was wrong in the reason phrase only', async () => {
  bench = createBench({ errorTexts: 'reason', personality: '8.4' });
  const { status, statusText, body } = await bench.call('GET', '/nodes/pve/status');
  expect([status, statusText]).toEqual([403, 'Permission check failed (/nodes/pve, Sys.Audit)']);
  expect(JSON.parse(body)).toEqual({ data: null });
});

it('each version serves what it has', async () => {
  const flags = '/nodes/pve/capabilities/qemu/cpu-flags';
  expect((await bench.call('GET', flags)).status).toBe(200);
  expect((await bench.call('GET', '/version')).json.data).toMatchObject({ release: '9.1' });
  bench = createBench({ personality: '8.4' });
  expect((await bench.call('GET', flags)).status).toBe(501);
  expect((await bench.call('GET', '/version')).json.data).toMatchObject({ release: '8.4' });
});
