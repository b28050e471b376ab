import { describe, expect, it } from 'vitest';
import { parseSize, printSize } from './sizes.ts';
import { bench, VM } from './test/bench.ts';

describe('resize', () => {
  it.each([
    ['3G', 'OK', '3G'],
    ['+256M', 'OK', '2556M'],
    ['2300M', 'OK', '2300M'],
    ['1G', 'shrinking disks is not supported', '2300M'],
  ])('of a disk of 2300M to %s ends as %s', async (size, status, shown) => {
    const { task, guest } = bench();
    await task('POST', `${VM}/9000/clone`, { newid: 101 });
    expect((await task('PUT', `${VM}/101/resize`, { disk: 'scsi0', size })).status).toBe(status);
    expect(guest(101).config.get('scsi0')).toContain(`,size=${shown}`);
  });

  it('of a disk that does not exist fails in the worker, of a machine that does not exist at once', async () => {
    const { task, call } = bench();
    await task('POST', `${VM}/9000/clone`, { newid: 101 });
    expect((await task('PUT', `${VM}/101/resize`, { disk: 'scsi5', size: '+1G' })).status).toBe(
      "disk 'scsi5' does not exist",
    );
    expect((await call('PUT', `${VM}/999/resize`, { disk: 'scsi0', size: '+1G' })).text).toBe(
      "Configuration file 'nodes/pve/qemu-server/999.conf' does not exist",
    );
    expect((await call('PUT', `${VM}/101/resize`, { disk: 'scsi0', size: '10GB' })).errors).toEqual({
      size: 'value does not match the regex pattern',
    });
  });

  it('of a template is an error of the tool that meets a file which may not change', async () => {
    const { task } = bench();
    const { status } = await task('PUT', `${VM}/9000/resize`, { disk: 'scsi0', size: '4G' });
    expect(status).toBe(
      "command '/usr/bin/qemu-img resize '--preallocation=metadata' -f qcow2 /var/lib/vz/images/9000/base-9000-disk-0.qcow2 4294967296' failed: exit code 1",
    );
  });
});

describe('sizes', () => {
  it('are printed in the largest unit that leaves a whole number, and read back', () => {
    for (const text of ['3G', '2300M', '4352M', '4M', '1T', '513', '4K']) expect(printSize(parseSize(text))).toBe(text);
    expect(parseSize('0.5G')).toBe(512 * 2 ** 20);
  });
});

describe('a template', () => {
  it('is made of a machine that is off, once; its disks become base volumes', async () => {
    const { task, call, guest } = bench();
    await task('POST', `${VM}/9000/clone`, { newid: 101, full: 1 });
    expect((await task('POST', `${VM}/101/template`)).status).toBe('OK');
    expect(guest(101)).toMatchObject({ template: true });
    expect(guest(101).config.get('scsi0')).toBe('local:101/base-101-disk-0.qcow2,discard=on,size=2300M');
    expect((await call('POST', `${VM}/101/template`)).text).toBe("you can't convert a template to a template");
    expect((await task('POST', `${VM}/101/clone`, { newid: 102 })).status).toBe('OK');
    expect((await task('POST', `${VM}/101/status/start`)).status).toBe("you can't start a vm if it's a template");
  });

  it('is not made of a machine that runs', async () => {
    const { task, call } = bench();
    await task('POST', `${VM}/9000/clone`, { newid: 101 });
    await task('POST', `${VM}/101/status/start`);
    expect((await call('POST', `${VM}/101/template`)).text).toBe("you can't convert a VM to template if VM is running");
  });

  it('with linked clones cannot be deleted, and can when they are gone', async () => {
    const { task } = bench();
    await task('POST', `${VM}/9000/clone`, { newid: 101 });
    expect((await task('DELETE', `${VM}/9000`)).status).toBe(
      "base volume 'local:9000/base-9000-disk-0.qcow2' is still in use by linked cloned",
    );
    await task('DELETE', `${VM}/101`);
    expect((await task('DELETE', `${VM}/9000`)).status).toBe('OK');
  });
});

describe('delete', () => {
  it('takes the machine, its disks and its place in the pool; the token of the pool is then a stranger to the id', async () => {
    const { task, call, cluster } = bench();
    await task('POST', `${VM}/9000/clone`, { newid: 101, pool: 'dc' }, 'agent');
    const { status, log } = await task('DELETE', `${VM}/101`, { purge: 1, 'destroy-unreferenced-disks': 1 }, 'agent');
    expect([status, ...log]).toEqual(['OK', 'purging VM 101 from related configurations..', 'TASK OK']);
    const volumes = [...(cluster.nodes.get('pve')?.volumes.keys() ?? [])];
    expect(volumes.filter((volid) => volid.includes('101'))).toEqual([]);
    expect(await call('GET', `${VM}/101/status/current`, {}, 'agent')).toMatchObject({
      status: 403,
      text: 'Permission check failed (/vms/101, VM.Audit)',
    });
    expect(await call('GET', `${VM}/101/status/current`)).toMatchObject({
      status: 500,
      text: "Configuration file 'nodes/pve/qemu-server/101.conf' does not exist",
    });
  });

  it('spares a machine that runs, is protected or is locked', async () => {
    const { task, call, guest } = bench();
    await task('POST', `${VM}/9000/clone`, { newid: 101 });
    guest(101).config.set('protection', '1');
    expect((await call('DELETE', `${VM}/101`)).text).toBe("can't remove VM 101 - protection mode enabled");
    guest(101).config.delete('protection');
    guest(101).lock = 'backup';
    expect((await task('DELETE', `${VM}/101`)).status).toBe('VM is locked (backup)');
    delete guest(101).lock;
    await task('POST', `${VM}/101/status/start`);
    expect((await call('DELETE', `${VM}/101`)).text).toBe('VM 101 is running - destroy failed');
  });

  it('leaves disks that no option names, unless it is told to look for them', async () => {
    const { task, cluster, guest } = bench();
    const orphan = (vmid: number): string => `local-lvm:vm-${vmid}-disk-0`;
    for (const vmid of [101, 102]) {
      await task('POST', `${VM}/9000/clone`, { newid: vmid });
      await task('POST', `${VM}/${vmid}/config`, { scsi1: 'local-lvm:1' });
      guest(vmid).config.delete('scsi1');
    }
    await task('DELETE', `${VM}/101`);
    await task('DELETE', `${VM}/102`, { 'destroy-unreferenced-disks': 1 });
    const volumes = cluster.nodes.get('pve')?.volumes;
    expect([volumes?.has(orphan(101)), volumes?.has(orphan(102))]).toEqual([true, false]);
  });

  it('waits for a clone to end, and gives up after ten seconds', async () => {
    const { send, until, task } = bench();
    await until(send('POST', `${VM}/9000/clone`, { newid: 101, full: 1, bwlimit: 10_000 }));
    const { status } = await task('DELETE', `${VM}/101`);
    expect(status).toBe("can't lock file '/var/lock/qemu-server/lock-101.conf' - got timeout");
  });
});

describe('create', () => {
  const image = 'local:import/debian.qcow2';

  it('imports an image, makes a cloud-init drive and joins the pool when it is done', async () => {
    const { task, guest, cluster } = bench();
    cluster.nodes.get('pve')?.volumes.set(image, {
      volid: image,
      storage: 'local',
      content: 'import',
      format: 'qcow2',
      sizeBytes: 2300 * 2 ** 20,
      createdAt: 0,
    });
    const { status, log } = await task(
      'POST',
      VM,
      {
        vmid: 9100,
        name: 'template',
        memory: 768,
        pool: 'dc',
        scsi0: `local:0,import-from=${image},discard=on,format=qcow2`,
        ide2: 'local:cloudinit',
        net0: 'virtio,bridge=vmbr9',
        agent: 'enabled=1',
      },
      'root',
    );
    expect(status).toBe('OK');
    expect(log).toContain("ide2: successfully created disk 'local:9100/vm-9100-cloudinit.qcow2,media=cdrom'");
    expect(log).toContain("scsi0: successfully created disk 'local:9100/vm-9100-disk-0.qcow2,discard=on,size=2300M'");
    expect(guest(9100)).toMatchObject({ pool: 'dc', status: 'stopped' });
    expect(guest(9100).config.get('boot')).toBe('order=scsi0;ide2;net0');
    expect(guest(9100).config.get('net0')).toMatch(/^virtio=BC:24:11:.*,bridge=vmbr9$/);
  });

  it('that cannot find its image leaves nothing', async () => {
    const { task, cluster } = bench();
    const { status } = await task('POST', VM, {
      vmid: 9100,
      scsi0: 'local:0,import-from=local:import/none.qcow2',
      ide2: 'local:cloudinit',
    });
    expect(status).toBe("unable to create VM 9100 - failed to stat '/var/lib/vz/import/none.qcow2'");
    expect(cluster.guests.has(9100)).toBe(false);
    expect([...(cluster.nodes.get('pve')?.volumes.keys() ?? [])].some((volid) => volid.includes('9100'))).toBe(false);
  });

  it.each([
    [{ vmid: 9000 }, 500, "unable to create VM 9000 - VM 9000 already exists on node 'pve'"],
    [{ vmid: 101, pool: 'nope' }, 403, "Permission check failed (pool 'nope' does not exist)"],
    [{ vmid: 101, scsi0: 'nostore:8' }, 500, "storage 'nostore' does not exist"],
    [
      { vmid: 101, scsi0: 'local:0,import-from=local:import/x.img' },
      500,
      "unable to parse directory volume name 'import/x.img'",
    ],
    [{ vmid: 101, scsi0: 'local:0,import-from=/etc/shadow' }, 500, 'Only root can pass arbitrary filesystem paths.'],
  ])('refuses %o', async (params, status, text) => {
    const { call } = bench();
    expect(await call('POST', VM, params)).toMatchObject({ status, text });
  });

  it('starts the machine when it is told to', async () => {
    const { task, guest, pass } = bench();
    expect((await task('POST', VM, { vmid: 101, memory: 512, start: 1 })).status).toBe('OK');
    await pass(5_000);
    expect(guest(101)).toMatchObject({ status: 'running' });
  });

  it('whose worker is killed keeps the id, locked', async () => {
    const { send, until, pass, core, guest, cluster } = bench();
    const volume = { storage: 'local', content: 'import', format: 'qcow2', sizeBytes: 2 ** 31, createdAt: 0 } as const;
    cluster.nodes.get('pve')?.volumes.set(image, { ...volume, volid: image });
    await until(send('POST', VM, { vmid: 101, scsi0: `local:0,import-from=${image}` }));
    await pass(2_000);
    core.tasks.killAll('pve');
    await pass(1_000);
    expect(guest(101).lock).toBe('create');
  });

  it('takes only volumes that are images', async () => {
    const { call } = bench();
    const answer = await call('POST', VM, { vmid: 101, scsi0: 'local:0,import-from=local:iso/x.img' });
    expect(answer.errors).toEqual({
      scsi0: "import-from: 'local:iso/x.img' has wrong type 'iso' - needs to be 'images' or 'import'",
    });
  });
});
