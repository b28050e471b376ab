import { describe, expect, it } from 'vitest';
import { type Bench, bench, KEY, VM } from './test/bench.ts';

/** A bench with a machine 101 in the pool, off. */
async function withMachine(options?: Parameters<typeof bench>[0]): Promise<Bench> {
  const made = bench(options);
  await made.task('POST', `${VM}/9000/clone`, { newid: 101, name: 'vm101', pool: 'dc' });
  return made;
}

const KEYS = encodeURIComponent(`${KEY}\n`);

describe('one call of PUT config', () => {
  it('takes everything a machine needs, and gives it back as PVE would', async () => {
    const { call } = await withMachine();
    const set = await call(
      'PUT',
      `${VM}/101/config`,
      {
        cores: 2,
        memory: 640,
        ciuser: 'lab',
        cipassword: 'secret123',
        sshkeys: KEYS,
        ipconfig0: 'ip=10.10.10.31/24,gw=10.10.10.1',
        nameserver: '10.10.10.1',
        ciupgrade: 0,
        onboot: 1,
        agent: 'enabled=1',
        tags: 'Zeta;alpha;ALPHA',
        description: 'Zähler\nzweite Zeile',
        net0: 'virtio=BC:24:11:E5:10:1F,bridge=vmbr0,firewall=1,rate=12.5',
      },
      'agent',
    );
    expect(set).toMatchObject({ status: 200, data: null });
    const { data } = await call('GET', `${VM}/101/config`, {}, 'agent');
    expect(data).toMatchObject({
      cores: 2,
      memory: '640',
      ciuser: 'lab',
      cipassword: '**********',
      sshkeys: KEYS,
      ipconfig0: 'ip=10.10.10.31/24,gw=10.10.10.1',
      ciupgrade: 0,
      onboot: 1,
      tags: 'alpha;zeta',
      description: 'Zähler\nzweite Zeile',
      net0: 'virtio=BC:24:11:E5:10:1F,bridge=vmbr0,firewall=1,rate=12.5',
    });
  });

  it('without a MAC makes a new one each time', async () => {
    const { call, guest } = await withMachine();
    const before = guest(101).config.get('net0');
    await call('PUT', `${VM}/101/config`, { net0: 'virtio,bridge=vmbr0' });
    expect(guest(101).config.get('net0')).toMatch(/^virtio=BC:24:11(:[0-9A-F]{2}){3},bridge=vmbr0$/);
    expect(guest(101).config.get('net0')).not.toBe(before);
  });

  it('is refused with a stale digest and taken with the right one', async () => {
    const { call } = await withMachine();
    const { data } = await call('GET', `${VM}/101/config`);
    const digest = (data as { digest: string }).digest;
    await call('PUT', `${VM}/101/config`, { cores: 1, digest });
    expect(await call('PUT', `${VM}/101/config`, { cores: 2, digest })).toMatchObject({
      status: 500,
      text: 'checksum mismatch (file change by other user?)',
    });
  });

  it('gives up on the lock after ten seconds while a clone holds it', async () => {
    const { send, until, call, clock } = await withMachine();
    await until(send('POST', `${VM}/9000/clone`, { newid: 102, full: 1, bwlimit: 10_000 }));
    const before = clock.now();
    const answer = await call('PUT', `${VM}/102/config`, { memory: 512 });
    expect(answer).toMatchObject({
      status: 500,
      text: "can't lock file '/var/lock/qemu-server/lock-102.conf' - got timeout",
    });
    expect(clock.now() - before).toBeGreaterThanOrEqual(10_000);
  });

  it('deletes options, and knows which there are', async () => {
    const { call, guest } = await withMachine();
    await call('PUT', `${VM}/101/config`, { delete: 'description,onboot,vga' });
    expect(guest(101).config.has('vga')).toBe(false);
    expect((await call('PUT', `${VM}/101/config`, { delete: 'nosuchopt' })).errors).toEqual({
      delete: "unknown option 'nosuchopt'",
    });
  });

  it('makes a disk by its size, keeps it as unused when its place is taken away, and destroys it then', async () => {
    const { call, guest, cluster } = await withMachine();
    await call('PUT', `${VM}/101/config`, { scsi1: 'local-lvm:8,discard=on' });
    expect(guest(101).config.get('scsi1')).toBe('local-lvm:vm-101-disk-0,discard=on,size=8G');
    await call('PUT', `${VM}/101/config`, { delete: 'scsi1' });
    expect(guest(101).config.get('unused0')).toBe('local-lvm:vm-101-disk-0');
    await call('PUT', `${VM}/101/config`, { delete: 'unused0' });
    expect(cluster.nodes.get('pve')?.volumes.has('local-lvm:vm-101-disk-0')).toBe(false);
  });
});

describe('what PUT config refuses', () => {
  it.each([
    [
      { memory: 'lots' },
      { memory: "invalid format - format error\nmemory.current: type check ('integer') failed - got 'lots'\n" },
    ],
    [
      { ipconfig0: 'ip=10.0.0.300/24' },
      {
        ipconfig0:
          'invalid format - format error\nipconfig0.ip: invalid format - value does not look like a valid ipv4 network configuration\n\n',
      },
    ],
    [
      { sshkeys: 'ssh-ed25519 AAAA lab' },
      { sshkeys: 'invalid format - invalid urlencoded string: ssh-ed25519 AAAA lab\n' },
    ],
    [{ onboot: 'true' }, { onboot: "type check ('boolean') failed - got 'true'" }],
    [{ name: 'bad_name' }, { name: 'invalid format - value does not look like a valid DNS name\n' }],
    [
      { 'ha-managed': 1 },
      { 'ha-managed': 'property is not defined in schema and the schema does not allow additional properties' },
    ],
  ])('%o', async (params, errors) => {
    const { call } = await withMachine();
    expect(await call('PUT', `${VM}/101/config`, params)).toMatchObject({ status: 400, errors });
  });

  it('nonsense in the place of a key', async () => {
    const { call } = await withMachine();
    const answer = await call('PUT', `${VM}/101/config`, { sshkeys: encodeURIComponent(`${KEY}\nnot a key`) });
    expect(answer).toMatchObject({ status: 500, text: 'SSH public key validation error' });
  });

  it.each([
    [{ args: '-foo' }, 500, "only root can set 'args' config"],
    [{ lock: 'backup' }, 500, "only root can set 'lock' config"],
    [{ startup: 'order=1' }, 403, 'Permission check failed (/, Sys.Modify)'],
    [{ serial1: 'socket' }, 403, 'Permission check failed (/vms/101, VM.Config.HWType)'],
    [{ scsi5: 'local:9999/vm-9999-disk-0.qcow2' }, 403, 'Permission check failed (/vms/9999, VM.Config.Disk)'],
    [{ net0: 'virtio,bridge=vmbr0,tag=7' }, 200, 'OK'],
  ])('%o of a token with the role of every day', async (params, status, text) => {
    const { call } = await withMachine();
    expect(await call('PUT', `${VM}/101/config`, params, 'agent')).toMatchObject({ status, text });
  });

  it('skiplock of everybody but the login root@pam', async () => {
    const { call } = await withMachine();
    expect((await call('PUT', `${VM}/101/config`, { cores: 1, skiplock: 1 })).errors).toEqual({
      skiplock: 'Only root may use this option.',
    });
    expect((await call('PUT', `${VM}/101/config`, { args: '-foo', skiplock: 1 }, 'login')).status).toBe(200);
  });

  it('a machine that is missing here, and one that has left the pool', async () => {
    const { call, guest } = await withMachine();
    expect((await call('PUT', `${VM}/999/config`, { cores: 1 })).text).toBe(
      "Configuration file 'nodes/pve/qemu-server/999.conf' does not exist",
    );
    delete guest(101).pool;
    expect((await call('PUT', `${VM}/101/config`, { cores: 1 }, 'agent')).text).toBe(
      'Permission check failed (/vms/101, VM.Config.Disk|VM.Config.CDROM|VM.Config.CPU|VM.Config.Memory|VM.Config.Network|VM.Config.HWType|VM.Config.Options|VM.Config.Cloudinit)',
    );
  });

  it('options that only 9.1 knows, on 8.4', async () => {
    const nine = await withMachine();
    const eight = await withMachine({ personality: '8.4' });
    expect((await nine.call('PUT', `${VM}/101/config`, { 'allow-ksm': 0 })).status).toBe(200);
    expect((await eight.call('PUT', `${VM}/101/config`, { 'allow-ksm': 0 })).status).toBe(400);
  });
});

describe('a machine that runs', () => {
  it('takes a name at once and memory at its next start', async () => {
    const { call, task, guest } = await withMachine();
    await task('POST', `${VM}/101/status/start`);
    await call('PUT', `${VM}/101/config`, { memory: 700, name: 'renamed' });
    expect((await call('GET', `${VM}/101/config`)).data).toMatchObject({ memory: '700', name: 'renamed' });
    expect((await call('GET', `${VM}/101/config`, { current: 1 })).data).toMatchObject({
      memory: '2048',
      name: 'renamed',
    });
    const { data } = await call('GET', `${VM}/101/pending`);
    expect(data).toContainEqual({ key: 'memory', value: '2048', pending: '700' });
    expect(data).toContainEqual({ key: 'name', value: 'renamed' });
    await call('PUT', `${VM}/101/config`, { revert: 'memory' });
    expect(guest(101).config.get('memory')).toBe('2048');
  });

  it('shows what would be deleted at its next start', async () => {
    const { call, task } = await withMachine();
    await task('POST', `${VM}/101/status/start`);
    await call('PUT', `${VM}/101/config`, { delete: 'vga' });
    expect((await call('GET', `${VM}/101/pending`)).data).toContainEqual({ key: 'vga', value: 'serial0', delete: 1 });
  });

  it('keeps its card when only the rate changes, and counts anew when the MAC does', async () => {
    const { call, task, guest, pass } = await withMachine();
    await task('POST', `${VM}/101/status/start`);
    await pass(60_000);
    guest(101).traffic.in = 1_000_000;
    await call('PUT', `${VM}/101/config`, { net0: `${guest(101).config.get('net0')},rate=5` });
    const netin = async (): Promise<number> =>
      ((await call('GET', `${VM}/101/status/current`)).data as { netin: number }).netin;
    expect(await netin()).toBeGreaterThan(1_000_000);
    await call('PUT', `${VM}/101/config`, { net0: 'virtio,bridge=vmbr0' });
    expect(await netin()).toBe(0);
  });

  it('refuses a bridge that does not exist, and keeps it for the next start all the same', async () => {
    const { call, task, guest } = await withMachine({ personality: '8.4' });
    await task('POST', `${VM}/101/status/start`);
    const before = guest(101).config.get('net0');
    const answer = await call('PUT', `${VM}/101/config`, { net0: 'virtio,bridge=nobr' });
    expect(answer.status).toBe(400);
    expect(answer.errors?.['net0']).toMatch(/^hotplug problem - VM 101 qmp command 'netdev_add' failed/);
    const { data } = await call('GET', `${VM}/101/pending`);
    expect(data).toContainEqual({ key: 'net0', value: before, pending: guest(101).config.get('net0') });
    expect(guest(101).config.get('net0')).toContain('bridge=nobr');
  });
});

describe('POST config', () => {
  it('does the same in a worker, whose log names the options', async () => {
    const { task, guest } = await withMachine();
    const { status, log } = await task('POST', `${VM}/101/config`, { delete: 'net0' });
    expect(status).toBe('OK');
    expect(log).toEqual(['update VM 101: -delete net0', 'TASK OK']);
    expect(guest(101).config.has('net0')).toBe(false);
  });
});
