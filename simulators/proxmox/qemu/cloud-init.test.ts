import { describe, expect, it } from 'vitest';
import { type Bench, bench, KEY, VM } from './test/bench.ts';

async function withMachine(options?: Parameters<typeof bench>[0]): Promise<Bench> {
  const made = bench(options);
  await made.task('POST', `${VM}/9000/clone`, { newid: 101, name: 'wiz-a', pool: 'dc' });
  await made.call('PUT', `${VM}/101/config`, {
    ciuser: 'lab',
    cipassword: '$5$SALT$HASH',
    sshkeys: encodeURIComponent(`${KEY}\n`),
    ciupgrade: 0,
    ipconfig0: 'ip=10.10.10.31/24,gw=10.10.10.1',
    nameserver: '10.10.10.1',
    net0: 'virtio=BC:24:11:E5:10:1F,bridge=vmbr0,firewall=1',
  });
  return made;
}

const dump = async ({ call }: Bench, type: string): Promise<string> =>
  String((await call('GET', `${VM}/101/cloudinit/dump`, { type })).data);

describe('the cloud-init documents', () => {
  it('say what the configuration says', async () => {
    const made = await withMachine();
    expect(await dump(made, 'user')).toBe(
      [
        '#cloud-config',
        'hostname: wiz-a',
        'manage_etc_hosts: true',
        'fqdn: wiz-a',
        'user: lab',
        'password: $5$SALT$HASH',
        'ssh_authorized_keys:',
        `  - ${KEY}`,
        'chpasswd:',
        '  expire: False',
        'users:',
        '  - default',
        '',
      ].join('\n'),
    );
    expect(await dump(made, 'network')).toBe(
      [
        'version: 1',
        'config:',
        '    - type: physical',
        '      name: eth0',
        "      mac_address: 'bc:24:11:e5:10:1f'",
        '      subnets:',
        '      - type: static',
        "        address: '10.10.10.31'",
        "        netmask: '255.255.255.0'",
        "        gateway: '10.10.10.1'",
        '    - type: nameserver',
        '      address:',
        "      - '10.10.10.1'",
        '',
      ].join('\n'),
    );
  });

  it('upgrade packages unless they are told not to, and ask DHCP when no address is given', async () => {
    const made = await withMachine();
    await made.call('PUT', `${VM}/101/config`, { delete: 'ciupgrade,ipconfig0' });
    expect(await dump(made, 'user')).toContain('\npackage_upgrade: true\n');
    expect(await dump(made, 'network')).toContain('- type: dhcp4');
  });

  it('hide the password on 8.4', async () => {
    expect(await dump(await withMachine({ personality: '8.4' }), 'user')).toContain('password: **********');
  });

  it('name another instance when user, name, keys or address change, and the same when nothing does', async () => {
    const made = await withMachine();
    const first = await dump(made, 'meta');
    expect(first).toMatch(/^instance-id: [0-9a-f]{40}\n$/);
    await made.call('PUT', `${VM}/101/config`, { memory: 1024 });
    expect(await dump(made, 'meta')).toBe(first);
    await made.call('PUT', `${VM}/101/config`, { name: 'wiz-b' });
    expect(await dump(made, 'meta')).not.toBe(first);
  });
});

describe('the cloud-init drive', () => {
  it('shows what it lacks while the machine runs, until it is written anew', async () => {
    const { call, task } = await withMachine();
    await task('POST', `${VM}/101/status/start`);
    await call('PUT', `${VM}/101/config`, { ciuser: 'other', delete: 'nameserver' });
    const rows = async (): Promise<unknown> => (await call('GET', `${VM}/101/cloudinit`)).data;
    expect(await rows()).toContainEqual({ key: 'ciuser', value: 'lab', pending: 'other' });
    expect(await rows()).toContainEqual({ key: 'nameserver', delete: 1 });
    expect(await rows()).toContainEqual({ key: 'cipassword', value: '**********' });
    await call('PUT', `${VM}/101/cloudinit`);
    expect(await rows()).toContainEqual({ key: 'ciuser', value: 'other' });
  });
});
