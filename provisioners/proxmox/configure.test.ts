import { describe, expect, it } from 'vitest';
import { configChange } from './configure.ts';
import { KEY, plainOrder, sampleSettings, sampleStamp } from './fixtures.ts';
import type { Machine } from './judge.ts';
import { describeMachine, readStamp } from './stamp.ts';

const TEMPLATE = {
  digest: 'd',
  name: 'dc-cccccccccccccccc',
  cores: '2',
  memory: '1024',
  net0: 'virtio=BC:24:11:AA:BB:CC,bridge=vmbr0',
  ide2: 'local:100123/vm-100123-cloudinit.qcow2,media=cdrom',
  scsi0: 'local:100123/vm-100123-disk-0.qcow2,size=3G',
  description: describeMachine(sampleStamp()),
};

function machine(more: Record<string, string> = {}): Machine {
  return { node: 'pve', vmid: 100_123, stamp: sampleStamp(), config: { ...TEMPLATE, ...more } };
}

function change(
  config: Record<string, string> = {},
  settings: Record<string, unknown> = {},
  order = plainOrder(),
  address?: string,
) {
  return configChange(machine(config), { order, settings: sampleSettings(settings), address, major: 9 });
}

describe('the one configuration call', () => {
  it('sets what was ordered, the key, and the stage of the stamp', () => {
    const { set, remove } = change({}, {}, plainOrder({ cpuCores: 4, memoryMb: 4096 }));
    expect(set).toMatchObject({
      cores: 4,
      memory: 4096,
      sshkeys: KEY,
      ciuser: 'root',
      ipconfig0: 'ip=dhcp',
      onboot: 1,
      ciupgrade: 0,
    });
    expect(set['tags']).toBe('dc-agent');
    expect(readStamp(String(set['description']))).toEqual({ ...sampleStamp(), stage: 'configured' });
    expect(set).not.toHaveProperty('name');
    expect(set).not.toHaveProperty('sockets');
    expect(remove).toEqual([]);
  });

  it('leaves nothing to change but the stage once it was made', () => {
    const { set } = change();
    const after = {
      ...Object.fromEntries(Object.entries(set).map(([key, value]) => [key, String(value)])),
      sshkeys: `${encodeURIComponent(KEY)}%0A`,
    };
    expect(Object.keys(change(after).set)).toEqual(['description']);
  });

  it('keeps the network card’s MAC, whatever else changes on it', () => {
    const { set } = change(
      { net0: 'virtio=BC:24:11:AA:BB:CC,bridge=vmbr0,queues=2,link_down=1' },
      { bridge: 'vmbr1', vlan_tag: 7, net_rate_mbps: 100 },
    );
    expect(set['net0']).toBe('virtio=BC:24:11:AA:BB:CC,bridge=vmbr1,queues=2,tag=7,rate=11.921,firewall=1');
    expect(change({}, { firewall: false }).set).not.toHaveProperty('net0');
    expect(() => change({ net0: '' })).toThrow(/no network card net0/);
  });

  it('takes out what a tenant must not inherit from the template', () => {
    const { set, remove } = change(
      { cipassword: '**********', protection: '1', vcpus: '1', balloon: '512', sockets: '2' },
      {},
      plainOrder({ cpuCores: 2, memoryMb: 2048 }),
    );
    expect(remove).toEqual(['cipassword', 'protection', 'vcpus']);
    expect(set).toMatchObject({ balloon: 2048, sockets: 1 });
  });

  it('logs the tenant in as the settings say, else as the template does, else as root', () => {
    expect(change({ ciuser: 'debian' }).set).not.toHaveProperty('ciuser');
    expect(change({ ciuser: 'debian' }, { ci_user: 'tenant' }).set).toMatchObject({ ciuser: 'tenant' });
    const order = plainOrder({ user: 'deploy' });
    expect(change({ ciuser: 'debian' }, { ci_user: 'tenant' }, order).set).toMatchObject({ ciuser: 'deploy' });
  });

  it('gives an address of the pool, name servers, and leaves IPv6 as the template has it', () => {
    const settings = { address: { cidr: '192.0.2.0/24', dns: ['192.0.2.53', '2001:db8::53'] } };
    const { set } = change({ ipconfig0: 'ip=dhcp,ip6=auto' }, settings, plainOrder(), '192.0.2.9');
    expect(set).toMatchObject({
      ipconfig0: 'ip=192.0.2.9/24,gw=192.0.2.1,ip6=auto',
      nameserver: '192.0.2.53 2001:db8::53',
    });
  });

  it('limits the processor where the order is for part of a core, or the settings say so', () => {
    expect(change({}, {}, plainOrder({ cpuCores: 0.5 })).set).toMatchObject({ cores: 1, cpulimit: 0.5 });
    expect(change({}, { cpu_limit: 0.5 }, plainOrder({ cpuCores: 4 })).set).toMatchObject({ cores: 4, cpulimit: 2 });
    expect(change({ cpulimit: '1' }, {}, plainOrder({ cpuCores: 4 })).set).toMatchObject({ cpulimit: 0 });
  });

  it('asks nothing of an old host that it does not know', () => {
    const wish = { order: plainOrder(), settings: sampleSettings(), address: undefined, major: 7 };
    expect(configChange(machine(), wish).set).not.toHaveProperty('ciupgrade');
  });
});
