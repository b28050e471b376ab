import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Bench, createBench } from './test/client.ts';

let bench: Bench;

beforeEach(() => {
  bench = createBench();
});

afterEach(() => bench.core.close());

const POOL = ['POST', '/pools', { poolid: 'made' }, 'root'] as const;

function made(): boolean {
  return bench.core.cluster.pools.has('made');
}

describe('a fault of one call', () => {
  it.each(['refuse', 'drop-before'] as const)('%s: breaks it before it was processed', async (kind) => {
    bench.core.faults.add({ method: 'POST', path: '/pools', fault: { kind } });
    await expect(bench.call(...POOL)).rejects.toThrow(kind === 'refuse' ? 'ECONNREFUSED' : 'ECONNRESET');
    expect(made()).toBe(false);
  });

  it.each(['drop-after', 'truncate'] as const)('%s: loses the answer of what was done', async (kind) => {
    bench.core.faults.add({ method: 'POST', path: '/pools', fault: { kind } });
    await expect(bench.call(...POOL)).rejects.toThrow('ECONNRESET');
    expect(made()).toBe(true);
  });

  it.each([
    ['hang', true],
    ['hang-before', false],
  ] as const)('%s: never answers', async (kind, processed) => {
    bench.core.faults.add({ path: '/pools', fault: { kind } });
    let answered = false;
    void bench.call(...POOL).then(
      () => {
        answered = true;
      },
      () => {},
    );
    await bench.pass(60_000);
    expect([answered, made()]).toEqual([false, processed]);
  });

  it('delay: lets the request, or the answer, be late', async () => {
    bench.core.faults.add({ path: '/pools', fault: { kind: 'delay', ms: 5_000, at: 'before' } });
    const early = bench.clock.now();
    await bench.call(...POOL);
    expect(bench.clock.now() - early).toBeGreaterThanOrEqual(5_000);
    bench.core.faults.add({ path: '/version', fault: { kind: 'delay', ms: 7_000 } });
    const late = bench.clock.now();
    await bench.call('GET', '/version');
    expect(bench.clock.now() - late).toBeGreaterThanOrEqual(7_000);
  });

  it('status: refuses it, processed or not, in the form of who would say so', async () => {
    const { faults } = bench.core;
    faults.add({ path: '/pools', fault: { kind: 'status', status: 500, reason: 'got no worker' } });
    expect(await bench.call(...POOL)).toMatchObject({ status: 500, json: { message: 'got no worker\n' } });
    expect(made()).toBe(false);
    faults.add({ path: '/pools', fault: { kind: 'status', status: 596, reason: 'Broken pipe', processed: true } });
    expect(await bench.call(...POOL)).toMatchObject({ status: 596, statusText: 'Broken pipe', body: '' });
    expect(made()).toBe(true);
  });

  it('garbage and html: answers what is no JSON', async () => {
    bench.core.faults.add({ path: '/version', fault: { kind: 'garbage' } });
    const garbage = await bench.call('GET', '/version');
    expect(() => JSON.parse(garbage.body) as unknown).toThrow();
    bench.core.faults.add({ path: '/version', fault: { kind: 'html', status: 502 } });
    const page = await bench.call('GET', '/version');
    expect([page.status, page.headers['content-type'], page.body.startsWith('<html>')]).toEqual([
      502,
      'text/html',
      true,
    ]);
  });

  it('is armed for a method and a path, after some calls, and for some', async () => {
    const { faults } = bench.core;
    faults.add({
      method: 'GET',
      path: '/nodes/*/storage',
      skip: 1,
      times: 2,
      fault: { kind: 'status', status: 500, reason: 'x' },
    });
    const disarm = faults.add({ path: /^\/version/, fault: { kind: 'drop-before' } });
    disarm();
    const statuses: number[] = [];
    for (let time = 0; time < 4; time++) statuses.push((await bench.call('GET', '/nodes/pve/storage')).status);
    expect(statuses).toEqual([200, 500, 500, 200]);
    expect((await bench.call('GET', '/version')).status).toBe(200);
    expect(faults.pending).toBe(0);
  });
});

describe('a fault of one worker', () => {
  const deletion = ['DELETE', '/nodes/pve/storage/local/content/local%3Aiso%2Fx.iso', {}, 'root'] as const;

  it('slow-task: sleeps before it begins', async () => {
    bench.core.faults.add({ task: 'imgdel', fault: { kind: 'slow-task', ms: 30_000 } });
    const start = bench.clock.now();
    expect(await bench.end(await bench.call(...deletion))).toBe('OK');
    expect(bench.clock.now() - start).toBeGreaterThanOrEqual(30_000);
  });

  it.each([
    ['dead-worker', 'unexpected status'],
    ['dead-at-end', 'unexpected status'],
  ] as const)('%s: ends without a word', async (kind, exit) => {
    bench.core.faults.add({ task: 'imgdel', fault: { kind } });
    const called = await bench.call(...deletion);
    expect(await bench.end(called)).toBe(exit);
    const log = bench.core.tasks.find(String(called.json.data))?.log ?? [];
    expect(log.some((line) => line.startsWith('Removed'))).toBe(kind === 'dead-at-end');
  });

  it('task-error and task-warnings: ends as told', async () => {
    bench.core.faults.add({ task: 'imgdel', fault: { kind: 'task-error', text: 'disk on fire' } });
    expect(await bench.end(await bench.call(...deletion))).toBe('disk on fire');
    bench.core.faults.add({ task: 'imgdel', fault: { kind: 'task-warnings', count: 2 } });
    expect(await bench.end(await bench.call(...deletion))).toBe('WARNINGS: 2');
  });
});
