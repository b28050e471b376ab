import { afterEach, describe, expect, it } from 'vitest';
import type { PciDevice } from '../../simulators/proxmox/state.ts';
import { context } from '../../src/provisioner/conformance/operations.ts';
import { operation } from '../../src/provisioner/conformance.ts';
import { openStage, type Stage } from './fixtures.ts';

let stage: Stage;

afterEach(() => stage.close());

const device = (id: string, kind: string, vendor: string, iommugroup: number): PciDevice => ({
  id,
  class: kind,
  vendor,
  device: '0x2204',
  vendorName: vendor === '0x10de' ? 'NVIDIA' : 'other',
  deviceName: 'GeForce',
  iommugroup,
});

describe('the inventory', () => {
  it('tells memory, processors, storages, templates and what is left', async () => {
    stage = openStage({ nodes: [{ name: 'pve', cores: 8, memoryGb: 32 }], settings: { reserve_memory_mb: 2048 } });
    stage.grant('/nodes/pve', 'Sys.Audit');
    const before = await stage.provisioner.inventory(context());
    expect(before).toMatchObject({
      cpuThreads: 8,
      memoryTotalMb: 32_768,
      gpus: [],
      cpuModel: expect.stringContaining('EPYC'),
    });
    expect(before.storages.map(({ name, kind }) => [name, kind])).toEqual([['local-lvm', 'lvmthin']]);
    expect(before.templates).toEqual([{ id: 9000, name: 'debian-13' }]);
    const order = stage.order({ memoryMb: 8192 });
    await stage.provisioner.create(order, operation(order.stamp));
    await stage.provisioner.stop({ stamp: order.stamp, handles: {} }, operation(order.stamp));
    const after = await stage.open().inventory(context());
    expect(after.memoryFreeMb).toBeLessThanOrEqual(32_768 - 2048 - 8192);
    expect(after.memoryFreeMb).toBeGreaterThan(0);
  });

  it('shows graphics cards that a machine could be given, and no consoles of server boards', async () => {
    const pci = [
      device('0000:01:00.0', '0x030000', '0x10de', 12),
      device('0000:02:00.0', '0x030000', '0x1a03', 13),
      device('0000:03:00.0', '0x030000', '0x10de', -1),
      device('0000:04:00.0', '0x020000', '0x10de', 14),
    ];
    stage = openStage({ nodes: [{ name: 'pve', pci }] });
    stage.grant('/nodes/pve', 'Sys.Audit');
    stage.grant('/', 'Sys.Audit');
    expect((await stage.provisioner.inventory(context())).gpus).toEqual([
      { pciId: '0000:01:00.0', name: 'GeForce', vendor: 'NVIDIA' },
    ]);
  });

  it('knows nothing of memory without the right to look, rather than guess', async () => {
    stage = openStage();
    expect(await stage.provisioner.inventory(context())).toMatchObject({
      memoryTotalMb: 0,
      memoryFreeMb: 0,
      cpuThreads: 0,
    });
  });

  it('says of several nodes what one machine could still get, and counts shared storage once', async () => {
    stage = openStage({
      nodes: [
        { name: 'a', memoryGb: 16 },
        { name: 'b', memoryGb: 64 },
      ],
      disks: 'nfs',
      settings: { node: 'a', nodes: ['a', 'b'] },
    });
    for (const node of ['a', 'b']) stage.grant(`/nodes/${node}`, 'Sys.Audit');
    const inventory = await stage.provisioner.inventory(context());
    expect(inventory.memoryTotalMb).toBe(80 * 1024);
    expect(inventory.memoryFreeMb).toBeLessThanOrEqual(64 * 1024);
    expect(inventory.memoryFreeMb).toBeGreaterThan(16 * 1024);
    expect(inventory.storages.map(({ name }) => name)).toEqual(['nfs']);
  });

  it('limits the number of machines by the addresses that are left', async () => {
    stage = openStage({ settings: { address: { cidr: '10.9.0.0/29' } } });
    expect((await stage.provisioner.inventory(context())).machinesFree).toBe(5);
  });
});
