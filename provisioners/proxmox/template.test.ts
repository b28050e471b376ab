import { describe, expect, it } from 'vitest';
import { howToClone } from './clone-how.ts';
import { sampleSettings } from './fixtures.ts';
import { bootDisk, hasAgent, hasCloudInitDrive, memoryMbOf } from './machine.ts';
import { allowedTemplates, orderedTemplate, templateFaults, templatesFor } from './template.ts';
import { vmRow } from './wire.ts';
import { nodeStorage } from './wire-storage.ts';

const row = (vmid: number, name: string, node = 'pve', template = 1) =>
  vmRow.parse({ type: 'qemu', vmid, name, node, status: 'stopped', template });

const settings = sampleSettings({ templates: [9001, 'debian'] });

describe('the template of an order', () => {
  it('is the default one unless the offering names one that is allowed', () => {
    expect(orderedTemplate({ settings: {} }, settings)).toBe(9000);
    expect(orderedTemplate({ settings: { template_vmid: null, template: '' } }, settings)).toBe(9000);
    expect(orderedTemplate({ settings: { template_vmid: 9001 } }, settings)).toBe(9001);
    expect(orderedTemplate({ settings: { template_vmid: '9001' } }, settings)).toBe(9001);
    expect(orderedTemplate({ settings: { template: 'debian' } }, settings)).toBe('debian');
  });

  it('is never another machine that a tenant names', () => {
    for (const wish of [100, '100', 'ubuntu', { vmid: 9000 }, [9000], true, 9000.5, '9000 ']) {
      expect(() => orderedTemplate({ settings: { template_vmid: wish } }, settings), JSON.stringify(wish)).toThrow(
        /neither/,
      );
    }
  });

  it('stands for all of its name, where the name is allowed', () => {
    const rows = [
      row(9000, 'debian', 'a'),
      row(9010, 'debian', 'b'),
      row(9001, 'alpine', 'a'),
      row(9011, 'alpine', 'b'),
      row(105, 'debian', 'a', 0),
    ];
    expect(templatesFor(9000, rows, settings).map(({ vmid }) => vmid)).toEqual([9000, 9010]);
    expect(templatesFor(9001, rows, settings).map(({ vmid }) => vmid)).toEqual([9001]);
    expect(templatesFor('debian', rows, settings).map(({ vmid }) => vmid)).toEqual([9000, 9010]);
    expect(allowedTemplates(rows, settings).map(({ vmid }) => vmid)).toEqual([9000, 9010, 9001]);
  });
});

describe('a template', () => {
  const good = {
    digest: 'd',
    template: '1',
    boot: 'order=scsi0;net0',
    scsi0: 'local:9000/base-9000-disk-0.qcow2,discard=on,size=2300M',
    ide2: 'local:9000/vm-9000-cloudinit.qcow2,media=cdrom',
    net0: 'virtio=BC:24:11:AA:BB:CC,bridge=vmbr0',
    agent: 'enabled=1,fstrim_cloned_disks=1',
  };

  it('is fit with a disk, a cloud-init drive, a network card and, for DHCP, the agent', () => {
    expect(templateFaults(good, { address: 'dhcp' })).toEqual([]);
    const { agent: _, ...mute } = good;
    expect(templateFaults(mute, { address: 'dhcp' })).toEqual([expect.stringContaining('guest agent')]);
    expect(templateFaults(mute, { address: { cidr: '192.0.2.0/24' } })).toEqual([]);
    expect(templateFaults({ digest: 'd' }, { address: 'dhcp' })).toHaveLength(5);
  });

  it('boots from the first disk of its boot order', () => {
    expect(bootDisk(good)).toEqual({ key: 'scsi0', storage: 'local', sizeBytes: 2300 * 2 ** 20 });
    expect(
      bootDisk({ digest: 'd', boot: 'order=ide2;virtio0', ide2: good.ide2, virtio0: 'lvm:vm-1-disk-0,size=3G' })?.key,
    ).toBe('virtio0');
    expect(bootDisk({ digest: 'd', sata0: 'zfs:base-9000-disk-0,size=1T' })).toEqual({
      key: 'sata0',
      storage: 'zfs',
      sizeBytes: 2 ** 40,
    });
    expect(bootDisk({ digest: 'd', scsi0: 'none,media=cdrom', scsihw: 'virtio-scsi-single' })).toBeUndefined();
  });

  it('has its cloud-init drive on any kind of storage', () => {
    for (const drive of [
      'local-lvm:vm-9000-cloudinit,media=cdrom',
      'local:9000/vm-9000-cloudinit.raw',
      'zfs:cloudinit',
    ]) {
      expect(hasCloudInitDrive({ digest: 'd', scsi1: drive }), drive).toBe(true);
    }
    expect(hasCloudInitDrive({ digest: 'd', scsi0: 'cloudinit-pool:vm-9000-disk-0' })).toBe(false);
  });

  it('says in either form how much memory it has, and whether it has the agent', () => {
    expect([
      memoryMbOf({ digest: 'd', memory: '2048' }),
      memoryMbOf({ digest: 'd', memory: 'current=4096' }),
      memoryMbOf({ digest: 'd' }),
    ]).toEqual([2048, 4096, 512]);
    expect(
      ['1', 'enabled=1', '1,type=virtio', '0', 'enabled=0', undefined].map((agent) =>
        hasAgent({ digest: 'd', ...(agent === undefined ? {} : { agent }) }),
      ),
    ).toEqual([true, true, true, false, false, false]);
  });

  it('is cloned by sharing blocks only where its storage can', () => {
    const storage = (type: string) => nodeStorage.parse({ storage: 's', type, content: 'images' });
    for (const type of ['dir', 'nfs', 'lvmthin', 'zfspool', 'rbd', 'btrfs']) {
      expect(howToClone({ clone: 'auto' }, [storage(type)]), type).toBe('linked');
    }
    for (const type of ['lvm', 'iscsi', 'somethingnew'])
      expect(howToClone({ clone: 'auto' }, [storage(type)]), type).toBe('full');
    expect(howToClone({ clone: 'full' }, [storage('dir')])).toBe('full');
    expect(howToClone({ clone: 'auto' }, [])).toBe('full');
    expect(() => howToClone({ clone: 'linked' }, [storage('lvm')])).toThrow(/s \(lvm\)/);
  });
});
