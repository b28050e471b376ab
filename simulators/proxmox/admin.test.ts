import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Bench, createBench } from './test/client.ts';

let bench: Bench;

beforeEach(() => {
  bench = createBench({ nodes: ['pve', 'pve2'] });
});

afterEach(() => bench.core.close());

async function machine(vmid = 101): Promise<void> {
  const order = { newid: vmid, name: `m${vmid}`, pool: bench.pool };
  const clone = await bench.call('POST', `/nodes/pve/qemu/${bench.template}/clone`, order);
  expect(await bench.end(clone)).toBe('OK');
  await bench.call('PUT', `/nodes/pve/qemu/${vmid}/config`, { onboot: true });
  expect(await bench.end(await bench.call('POST', `/nodes/pve/qemu/${vmid}/status/start`))).toBe('OK');
}

async function stateOf(vmid: number, node = 'pve'): Promise<unknown> {
  return (await bench.call('GET', `/nodes/${node}/qemu/${vmid}/status/current`)).json.data;
}

describe('behind the API', () => {
  it('quorum is lost: nothing is written any more, and reading goes on', async () => {
    const regain = bench.core.admin.loseQuorum();
    const refused = await bench.call('PUT', `/nodes/pve/qemu/${bench.template}/config`, { description: 'x' }, 'root');
    expect([refused.status, refused.statusText]).toEqual([500, 'cluster not ready - no quorum?']);
    const status = await bench.call('GET', '/cluster/status', {}, 'root');
    expect(status.json.data).toContainEqual(expect.objectContaining({ type: 'cluster', quorate: 0 }));
    regain();
    expect((await bench.call('POST', '/pools', { poolid: 'x' }, 'root')).status).toBe(200);
  });

  it('a storage fills up', async () => {
    const free = async (): Promise<number> => {
      const { json } = await bench.call('GET', '/nodes/pve/storage/local-lvm/status');
      return (json.data as { avail: number }).avail;
    };
    const before = await free();
    const empty = bench.core.admin.fillStorage('local-lvm', 1_000_000);
    expect(await free()).toBe(1_000_000);
    empty();
    expect(await free()).toBe(before);
  });

  it('a node dies: its calls end in 595, its machines are off, its tasks have no end', async () => {
    await machine();
    const copying = await bench.call('POST', `/nodes/pve/qemu/${bench.template}/clone`, {
      newid: 102,
      name: 'half',
      pool: bench.pool,
      full: true,
    });
    await bench.settle(bench.core.admin.nodeDown('pve2'));
    expect((await bench.call('GET', '/nodes/pve2/qemu')).status).toBe(595);
    await bench.settle(bench.core.admin.nodeDown('pve'));
    await expect(bench.call('GET', '/version')).rejects.toThrow('ECONNREFUSED');
    bench.core.admin.nodeUp('pve2');
    bench.core.admin.nodeUp('pve');
    expect(await bench.end(copying)).toBe('unexpected status');
    // What the dead worker left is there to be found.
    expect(bench.core.cluster.guests.get(102)?.lock).toBe('clone');
  });

  it('a node reboots: machines come back when they are meant to', async () => {
    await machine(101);
    await machine(102);
    await bench.call('PUT', '/nodes/pve/qemu/102/config', { onboot: false });
    await bench.settle(bench.core.admin.reboot('pve'));
    await bench.settle(bench.core.tasks.settled());
    expect(await stateOf(101)).toMatchObject({ status: 'running' });
    expect(await stateOf(102)).toMatchObject({ status: 'stopped' });
  });

  it('a machine moves to another node, where it goes on', async () => {
    await machine();
    bench.core.admin.moveGuest(101, 'pve2');
    const there = await bench.call('GET', '/nodes/pve/qemu/101/status/current');
    expect([there.status, there.statusText]).toEqual([
      500,
      "Configuration file 'nodes/pve/qemu-server/101.conf' does not exist",
    ]);
    expect(await stateOf(101, 'pve2')).toMatchObject({ status: 'running' });
    const { json } = await bench.call('GET', '/cluster/resources', { type: 'vm' });
    expect(json.data).toContainEqual(expect.objectContaining({ vmid: 101, node: 'pve2' }));
  });

  it('an id changes hands', async () => {
    await machine();
    bench.core.admin.replaceGuest(101);
    expect((await bench.call('GET', '/nodes/pve/qemu/101/config')).status).toBe(403);
    const { json } = await bench.call('GET', '/nodes/pve/qemu/101/config', {}, 'root');
    expect(json.data).toMatchObject({ name: 'somebody-elses', description: 'made by hand' });
  });

  it('a guest agent falls silent', async () => {
    await machine();
    await bench.pass(20_000);
    const ping = ['POST', '/nodes/pve/qemu/101/agent/ping'] as const;
    expect((await bench.call(...ping)).status).toBe(200);
    const restore = bench.core.admin.silenceAgent(101);
    expect((await bench.call(...ping)).statusText).toBe('QEMU guest agent is not running');
    restore();
    expect((await bench.call(...ping)).status).toBe(200);
  });

  it('a backup has a machine for itself', async () => {
    await machine();
    const unlock = bench.core.admin.lockGuest(101, 'backup');
    const stop = await bench.call('POST', '/nodes/pve/qemu/101/status/stop');
    expect(await bench.end(stop)).toBe('VM is locked (backup)');
    unlock();
    expect(await bench.end(await bench.call('POST', '/nodes/pve/qemu/101/status/stop'))).toBe('OK');
  });
});
