import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Bench, createBench } from '../test/client.ts';

let bench: Bench;

beforeEach(() => {
  bench = createBench();
});

afterEach(() => bench.core.close());

async function clone(vmid: number, name: string): Promise<void> {
  const order = { newid: vmid, name, pool: bench.pool };
  expect(await bench.end(await bench.call('POST', `/nodes/pve/qemu/${bench.template}/clone`, order))).toBe('OK');
}

async function row(vmid: number): Promise<Record<string, unknown> | undefined> {
  const { json } = await bench.call('GET', '/cluster/resources', { type: 'vm' });
  return (json.data as Record<string, unknown>[]).find((one) => one['vmid'] === vmid);
}

describe('the list of everything', () => {
  it('shows a new machine at once, but neither name nor state before the next round of pvestatd', async () => {
    await bench.pass(10_000 - (bench.clock.now() % 10_000) + 100);
    await clone(101, 'fresh');
    expect(await row(101)).toMatchObject({ status: 'unknown', pool: bench.pool });
    expect(await row(101)).not.toHaveProperty('name');
    await bench.pass(10_000);
    expect(await row(101)).toMatchObject({ status: 'stopped', name: 'fresh', template: 0, maxmem: 2 * 1024 ** 3 });
  });

  it('shows a machine that was started or stopped as it was before, until the next round', async () => {
    await clone(101, 'm');
    await bench.pass(10_000);
    await bench.end(await bench.call('POST', '/nodes/pve/qemu/101/status/start'));
    expect((await bench.call('GET', '/nodes/pve/qemu/101/status/current')).json.data).toMatchObject({
      status: 'running',
    });
    expect(await row(101)).toMatchObject({ status: 'stopped' });
    await bench.pass(10_000);
    expect(await row(101)).toMatchObject({ status: 'running' });
  });

  it('drops a machine with its deletion, and shows the dead one once more when its id is given out again', async () => {
    await clone(101, 'dead');
    await bench.end(await bench.call('POST', '/nodes/pve/qemu/101/status/start'));
    await bench.pass(30_000);
    await bench.end(await bench.call('POST', '/nodes/pve/qemu/101/status/stop'));
    await bench.end(await bench.call('DELETE', '/nodes/pve/qemu/101'));
    expect(await row(101)).toBeUndefined();
    await clone(101, 'heir');
    expect(await row(101)).toMatchObject({ name: 'dead' });
    await bench.pass(10_000);
    expect(await row(101)).toMatchObject({ name: 'heir', status: 'stopped', uptime: 0 });
  });

  it('believes the last word of a node that is gone for five minutes', async () => {
    bench = createBench({ nodes: ['pve', 'pve2'] });
    await clone(101, 'm');
    await bench.end(await bench.call('POST', '/nodes/pve/qemu/101/status/start'));
    await bench.pass(10_000);
    bench.core.admin.moveGuest(101, 'pve2');
    await bench.settle(bench.core.admin.nodeDown('pve2'));
    expect(await row(101)).toMatchObject({ status: 'running', node: 'pve2' });
    await bench.pass(300_000);
    expect(await row(101)).toMatchObject({ status: 'unknown', node: 'pve2' });
  });

  it('is what the caller may see', async () => {
    const ids = async (who: 'token' | 'root'): Promise<unknown[]> => {
      const { json } = await bench.call('GET', '/cluster/resources', {}, who);
      return (json.data as { id: string }[]).map(({ id }) => id);
    };
    expect(await ids('token')).toEqual(['/pool/dc', 'qemu/9000', 'node/pve', 'storage/pve/local-lvm']);
    expect(await ids('root')).toContain('storage/pve/local');
  });
});

describe('free ids', () => {
  const next = async (): Promise<string> => {
    const { json, statusText } = await bench.call('GET', '/cluster/nextid');
    return typeof json.data === 'string' ? json.data : statusText;
  };

  it('are the lowest of the range, whose upper end does not belong to it', async () => {
    expect(await next()).toBe('100');
    await bench.call('PUT', '/cluster/options', { 'next-id': 'lower=9000,upper=9002' }, 'root');
    expect(await next()).toBe('9001');
    await bench.call('PUT', '/cluster/options', { 'next-id': 'lower=9000,upper=9001' }, 'root');
    expect(await next()).toBe('unable to get any free VMID in range [9000, 9001]');
    await bench.call('PUT', '/cluster/options', { delete: 'next-id' }, 'root');
    expect(await next()).toBe('100');
  });

  it('are not reserved by asking', async () => {
    expect([await next(), await next()]).toEqual(['100', '100']);
  });
});

describe('pools', () => {
  it('take a machine once, and from another pool only when told to', async () => {
    await bench.call('POST', '/pools', { poolid: 'other' }, 'root');
    const put = async (params: Record<string, string | boolean>): Promise<string> =>
      (await bench.call('PUT', '/pools', { vms: String(bench.template), ...params }, 'root')).statusText;
    expect(await put({ poolid: bench.pool })).toBe(`VM ${bench.template} is already a pool member`);
    expect(await put({ poolid: 'other' })).toContain('belongs already to pool');
    expect(await put({ poolid: 'other', 'allow-move': true })).toBe('OK');
    expect(bench.core.cluster.guests.get(bench.template)?.pool).toBe('other');
  });

  it('go only when they are empty, also of storages', async () => {
    await bench.call('POST', '/pools', { poolid: 'other' }, 'root');
    await bench.call('PUT', '/pools', { poolid: 'other', storage: 'local' }, 'root');
    const refused = await bench.call('DELETE', '/pools', { poolid: 'other' }, 'root');
    expect(refused.statusText).toBe("delete pool failed: pool 'other' is not empty (contains storage 'local')");
    await bench.call('PUT', '/pools/other', { storage: 'local', delete: true }, 'root');
    expect((await bench.call('DELETE', '/pools/other', {}, 'root')).status).toBe(200);
  });
});

describe('the datacenter', () => {
  it('has its firewall off until somebody switches it on', async () => {
    const options = async (): Promise<unknown> =>
      (await bench.call('GET', '/cluster/firewall/options', {}, 'root')).json.data;
    expect(await options()).not.toHaveProperty('enable');
    expect((await bench.call('PUT', '/cluster/firewall/options', { enable: 1, policy_in: 'DROP' })).status).toBe(403);
    await bench.call('PUT', '/cluster/firewall/options', { enable: 1, policy_in: 'DROP' }, 'root');
    expect(await options()).toMatchObject({ enable: 1, policy_in: 'DROP' });
    expect(bench.core.cluster.firewall.enable).toBe(true);
  });

  it('shows devices that may be passed through, and hides bridges and memory', async () => {
    const device = {
      vendor: '0x10de',
      vendorName: 'NVIDIA Corporation',
      deviceName: 'x',
      device: '0x2230',
      iommugroup: 7,
    };
    bench = createBench({
      nodes: [
        {
          name: 'pve',
          pci: [
            { ...device, id: '0000:01:00.0', class: '0x030000' },
            { ...device, id: '0000:00:01.0', class: '0x060400' },
          ],
        },
      ],
    });
    const { json } = await bench.call('GET', '/nodes/pve/hardware/pci', {}, 'root');
    expect(json.data).toEqual([expect.objectContaining({ id: '0000:01:00.0', class: '0x030000', iommugroup: 7 })]);
  });

  it('shows bridges to whom may use them', async () => {
    const bridges = async (): Promise<unknown> =>
      ((await bench.call('GET', '/nodes/pve/network', { type: 'any_bridge' })).json.data as { iface: string }[]).map(
        ({ iface }) => iface,
      );
    expect(await bridges()).toEqual(['vmbr0']);
    bench.core.cluster.acl.length = 0;
    expect(await bridges()).toEqual([]);
  });
});
