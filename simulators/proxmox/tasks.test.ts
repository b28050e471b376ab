import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TaskContext } from './call.ts';
import { type Bench, createBench } from './test/client.ts';

let bench: Bench;

beforeEach(() => {
  bench = createBench();
});

afterEach(() => bench.core.close());

function start(run: (task: TaskContext) => Promise<void>, type = 'qmtest', id = '101'): string {
  return bench.core.pve.task({ node: 'pve', type, id, caller: { user: 'dc-agent@pve', token: 'agent' }, run });
}

const at = (upid: string): string => `/nodes/pve/tasks/${encodeURIComponent(upid)}`;

describe('a task', () => {
  it('has a UPID that says node, process, time, kind, id and who', () => {
    const upid = start(async () => {});
    const [kind, node, pid, pstart, time, type, id, user, end] = upid.split(':');
    expect([kind, node, type, id, user, end]).toEqual(['UPID', 'pve', 'qmtest', '101', 'dc-agent@pve!agent', '']);
    expect([pid, pstart, time].every((part) => /^[0-9A-F]{8,9}$/.test(part ?? ''))).toBe(true);
    expect(Number.parseInt(time ?? '', 16)).toBe(Math.floor(bench.clock.now() / 1000));
  });

  it('runs, then has stopped, and tells how', async () => {
    const upid = start((task) => task.wait(5_000));
    const running = (await bench.call('GET', `${at(upid)}/status`)).json.data;
    expect(running).toMatchObject({ status: 'running', user: 'dc-agent@pve', tokenid: 'agent' });
    expect(running).not.toHaveProperty('exitstatus');
    await bench.settle(bench.core.pve.taskEnd(upid));
    expect((await bench.call('GET', `${at(upid)}/status`)).json.data).toMatchObject({
      status: 'stopped',
      exitstatus: 'OK',
    });
  });

  it('fails with the text of what was thrown, and succeeds with warnings', async () => {
    const failing = start(() => Promise.reject(new Error('no such disk\n')));
    expect(await bench.settle(bench.core.pve.taskEnd(failing))).toBe('no such disk');
    const warning = start(async (task) => task.warn('careful'));
    expect(await bench.settle(bench.core.pve.taskEnd(warning))).toBe('WARNINGS: 1');
    const { json } = await bench.call('GET', `${at(warning)}/log`);
    expect(json).toMatchObject({
      data: [
        { n: 1, t: 'WARN: careful' },
        { n: 2, t: 'TASK WARNINGS: 1' },
      ],
      total: 2,
    });
  });

  it('shows fifty lines of its log unless asked for more', async () => {
    const upid = start(async (task) => {
      for (let line = 1; line <= 120; line++) task.log(`line ${line}`);
    });
    await bench.settle(bench.core.pve.taskEnd(upid));
    const lines = async (query: Record<string, number>): Promise<unknown[]> =>
      (await bench.call('GET', `${at(upid)}/log`, query)).json.data as unknown[];
    expect(await lines({})).toHaveLength(50);
    expect(await lines({ start: 100, limit: 500 })).toEqual(
      expect.arrayContaining([
        { n: 101, t: 'line 101' },
        { n: 121, t: 'TASK OK' },
      ]),
    );
    const quiet = start((task) => task.wait(60_000));
    expect((await bench.call('GET', `${at(quiet)}/log`)).json.data).toEqual([{ n: 1, t: 'no content' }]);
  });

  it('can be stopped by its owner; it undoes its work and says why it failed', async () => {
    let undone = false;
    const upid = start(async (task) => {
      try {
        await task.wait(60_000);
      } catch (error) {
        undone = true;
        throw new Error(`copy failed: ${String(error instanceof Error ? error.message : error)}`, { cause: error });
      }
    });
    expect((await bench.call('DELETE', at(upid))).status).toBe(200);
    expect(undone).toBe(true);
    expect(await bench.core.pve.taskEnd(upid)).toBe('copy failed: interrupted by signal');
    const careless = start((task) => task.wait(60_000));
    await bench.call('DELETE', at(careless));
    expect(await bench.core.pve.taskEnd(careless)).toBe('unexpected status');
  });

  it("of somebody else's is shown to auditors only, and listed to them only", async () => {
    const upid = bench.core.pve.task({
      node: 'pve',
      type: 'qmtest',
      id: '7',
      caller: { user: 'root@pam' },
      run: async () => {},
    });
    await bench.settle(bench.core.pve.taskEnd(upid));
    expect((await bench.call('GET', `${at(upid)}/status`)).statusText).toBe(
      'Permission check failed (/nodes/pve, Sys.Audit)',
    );
    expect((await bench.call('GET', '/nodes/pve/tasks')).json.data).toEqual([]);
    expect((await bench.call('GET', '/nodes/pve/tasks', {}, 'root')).json.data).toHaveLength(1);
  });

  it('that nobody started is told apart from what is no UPID', async () => {
    const unknown = 'UPID:pve:00000001:00000001:6B02A21C:qmstart:999:root@pam:';
    expect((await bench.call('GET', `${at(unknown)}/status`)).json.errors).toEqual({ upid: 'no such task' });
    expect((await bench.call('GET', `${at('UPID:x')}/status`)).json.errors).toEqual({
      upid: 'unable to parse worker upid',
    });
  });
});

describe('the list of tasks', () => {
  it('has what has ended; what runs only when asked for, under the name of its token', async () => {
    await bench.settle(bench.core.pve.taskEnd(start(async () => {})));
    await bench.settle(bench.core.pve.taskEnd(start(() => Promise.reject(new Error('no')), 'qmstop')));
    start((task) => task.wait(600_000), 'qmclone', '9000');
    const rows = async (query: Record<string, string | number>): Promise<Record<string, unknown>[]> =>
      (await bench.call('GET', '/nodes/pve/tasks', query)).json.data as Record<string, unknown>[];
    const types = async (query: Record<string, string | number>): Promise<unknown[]> =>
      (await rows(query)).map(({ type }) => type);
    expect(await types({})).toEqual(['qmstop', 'qmtest']);
    expect(await types({ source: 'all' })).toEqual(['qmclone', 'qmstop', 'qmtest']);
    expect(await types({ source: 'all', vmid: 9000, typefilter: 'qmclone' })).toEqual(['qmclone']);
    expect(await types({ errors: 1 })).toEqual(['qmstop']);
    expect(await types({ since: Math.floor(bench.clock.now() / 1000) + 1 })).toEqual([]);
    expect(await types({ limit: 1 })).toEqual(['qmstop']);
    expect((await rows({ source: 'active' }))[0]).toMatchObject({ status: 'RUNNING', user: 'dc-agent@pve!agent' });
    expect((await rows({}))[0]).toMatchObject({ status: 'no', user: 'dc-agent@pve', tokenid: 'agent' });
  });
});
