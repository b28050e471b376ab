import { describe, expect, it } from 'vitest';
import { bench, VM } from './test/bench.ts';

describe('a clone', () => {
  it('has everything of its template but MAC and board, and comes with name, description and pool', async () => {
    const { task, guest } = bench();
    const before = guest(9000);
    before.config.set('tags', 'tmpl').set('onboot', '1').set('description', 'the template');
    const { status } = await task('POST', `${VM}/9000/clone`, {
      newid: 101,
      name: 'dc-1',
      description: 'dcent:c1\nzweite Zeile',
      pool: 'dc',
    });
    expect(status).toBe('OK');
    const clone = guest(101);
    expect(clone.config.get('tags')).toBe('tmpl');
    expect(clone.config.get('onboot')).toBe('1');
    expect(clone.config.get('name')).toBe('dc-1');
    expect(clone.config.get('description')).toBe('dcent:c1\nzweite Zeile');
    expect(clone.config.get('scsi0')).toBe(
      'local:9000/base-9000-disk-0.qcow2/101/vm-101-disk-0.qcow2,discard=on,size=2300M',
    );
    expect(clone.config.get('ide2')).toBe('local:101/vm-101-cloudinit.qcow2,media=cdrom,size=4M');
    for (const option of ['net0', 'smbios1', 'vmgenid']) {
      expect(clone.config.get(option), option).not.toBe(before.config.get(option));
    }
    expect(clone).toMatchObject({ pool: 'dc', template: false, status: 'stopped' });
    expect(clone.lock).toBeUndefined();
  });

  it('is named after its source when nobody names it', async () => {
    const { task, guest } = bench();
    await task('POST', `${VM}/9000/clone`, { newid: 101 });
    expect(guest(101).config.get('name')).toBe('Copy-of-VM-debian-13');
    expect(guest(101).pool).toBeUndefined();
  });

  it('on thin LVM is named like any disk, and on thick LVM cannot be linked', async () => {
    const thin = bench({ storage: 'local-lvm' });
    await thin.task('POST', `${VM}/9000/clone`, { newid: 101 });
    expect(thin.guest(101).config.get('scsi0')).toBe('local-lvm:vm-101-disk-0,discard=on,size=2300M');
    const thick = bench({ storage: 'thick' });
    const refused = await thick.call('POST', `${VM}/9000/clone`, { newid: 101 });
    expect(refused.text).toBe(`Linked clone feature is not supported for 'thick:base-9000-disk-0' (scsi0)`);
    expect((await thick.task('POST', `${VM}/9000/clone`, { newid: 101, full: 1 })).status).toBe('OK');
  });

  it('is copied in full to another storage, with a log of more than a hundred lines', async () => {
    const { task, guest } = bench();
    const { status, log } = await task('POST', `${VM}/9000/clone`, { newid: 101, full: 1, storage: 'local-lvm' });
    expect(status).toBe('OK');
    expect(guest(101).config.get('scsi0')).toBe('local-lvm:vm-101-disk-0,discard=on,size=2300M');
    expect(log.length).toBeGreaterThan(100);
  });

  it('takes longer with a limit, and shows its lock to the admin only until it is done', async () => {
    const { send, until, call, pass, ended } = bench();
    const first = await until(
      send('POST', `${VM}/9000/clone`, { newid: 101, full: 1, pool: 'dc', bwlimit: 102_400 }, 'agent'),
    );
    await pass(5_000);
    const admin = await call('GET', `${VM}/101/config`);
    expect(admin.data).toMatchObject({ lock: 'clone', ide2: 'local:101/vm-101-cloudinit.qcow2,media=cdrom,size=4M' });
    expect(admin.data).not.toHaveProperty('scsi0');
    const agent = await call('GET', `${VM}/101/config`, {}, 'agent');
    expect(agent).toMatchObject({ status: 403, text: 'Permission check failed (/vms/101, VM.Audit)' });
    await ended(String(first.data));
    expect((await call('GET', `${VM}/101/config`, {}, 'agent')).data).not.toHaveProperty('lock');
  });

  it('that is stopped half way leaves neither machine nor volume', async () => {
    const { send, until, pass, ended, core, cluster } = bench();
    const { data } = await until(send('POST', `${VM}/9000/clone`, { newid: 101, full: 1, bwlimit: 102_400 }));
    await pass(3_000);
    core.pve.stopTask(String(data));
    const { status } = await ended(String(data));
    expect(status).toMatch(
      /^clone failed: copy failed: command '\/usr\/bin\/qemu-img convert .* interrupted by signal$/,
    );
    expect(cluster.guests.has(101)).toBe(false);
    expect([...(cluster.nodes.get('pve')?.volumes.keys() ?? [])].filter((volid) => volid.includes('101'))).toEqual([]);
  });

  it('whose worker is killed leaves the half machine behind, locked', async () => {
    const { send, until, pass, core, guest } = bench();
    await until(send('POST', `${VM}/9000/clone`, { newid: 101, full: 1, bwlimit: 102_400 }));
    await pass(3_000);
    core.tasks.killAll('pve');
    await pass(1_000);
    expect(guest(101).lock).toBe('clone');
  });

  it('does not fit on a full storage, and is undone', async () => {
    const { task, cluster, core } = bench();
    core.admin.fillStorage('local');
    const { status } = await task('POST', `${VM}/9000/clone`, { newid: 101, full: 1 });
    expect(status).toBe('clone failed: unable to create image: No space left on device');
    expect(cluster.guests.has(101)).toBe(false);
  });

  it('copies the firewall of its source, not a reference to it', async () => {
    const { task, guest } = bench();
    guest(9000).firewall.options.set('enable', 1);
    await task('POST', `${VM}/9000/clone`, { newid: 101 });
    guest(101).firewall.options.set('enable', 0);
    expect(guest(9000).firewall.options.get('enable')).toBe(1);
  });
});

describe('two clones onto one id', () => {
  it.each([
    ['quick', 100, 'unable to create VM 101: config file already exists'],
    ['of more than a second', 1_500, "can't lock file '/var/lock/qemu-server/lock-101.conf' - got timeout"],
  ])('that are %s make one machine, and the other worker fails', async (_case, linkedCloneMs, loss) => {
    const { send, until, ended, guest } = bench({ timings: { linkedCloneMs } });
    const answers = await until(
      Promise.all(['a', 'b'].map((name) => send('POST', `${VM}/9000/clone`, { newid: 101, name }))),
    );
    const ends = await Promise.all(answers.map(({ data }) => ended(String(data))));
    expect(ends.map(({ status }) => status)).toEqual(['OK', loss]);
    expect(guest(101).config.get('name')).toBe('a');
  });

  it('are refused at once when they had to wait for a worker of the daemon', async () => {
    const { send, until } = bench();
    const answers = await until(
      Promise.all([1, 2, 3, 4, 5, 6].map(() => send('POST', `${VM}/9000/clone`, { newid: 101 }))),
    );
    const taken = { status: 500, text: 'unable to create VM 101: config file already exists' };
    expect(answers.slice(3)).toMatchObject([taken, taken, taken]);
  });

  it('of one stopped template onto many ids do not hinder each other', async () => {
    const { send, until, ended } = bench();
    const ids = Array.from({ length: 20 }, (_, index) => 200 + index);
    const answers = await until(Promise.all(ids.map((newid) => send('POST', `${VM}/9000/clone`, { newid }))));
    const ends = await Promise.all(answers.map(({ data }) => ended(String(data))));
    expect(new Set(ends.map(({ status }) => status))).toEqual(new Set(['OK']));
  });
});

describe('what refuses a clone', () => {
  it.each([
    ['a missing source', '999', { newid: 555 }, `unable to find configuration file for VM 999 on node 'pve'`],
    ['a used id', '9000', { newid: 9000 }, 'unable to create VM 9000: config file already exists'],
    [
      'a storage for a linked one',
      '9000',
      { newid: 101, storage: 'local' },
      `parameter 'storage' not allowed for linked clones`,
    ],
    [
      'a format for a linked one',
      '9000',
      { newid: 101, format: 'raw' },
      `parameter 'format' not allowed for linked clones`,
    ],
    ['an unknown storage', '9000', { newid: 101, full: 1, storage: 'nostore' }, `storage 'nostore' does not exist`],
    ['an unknown node', '9000', { newid: 101, target: 'pve9' }, `no such cluster node 'pve9'`],
  ])('%s', async (_case, source, params, text) => {
    const { call } = bench();
    expect(await call('POST', `${VM}/${source}/clone`, params)).toMatchObject({ status: 500, text });
  });

  it('a pool that does not exist, or that the caller has no rights on', async () => {
    const { call } = bench();
    const unknown = { newid: 101, pool: 'nope' };
    expect(await call('POST', `${VM}/9000/clone`, unknown)).toMatchObject({
      status: 403,
      text: `Permission check failed (pool 'nope' does not exist)`,
    });
    for (const params of [unknown, { newid: 101 }]) {
      expect(await call('POST', `${VM}/9000/clone`, params, 'agent')).toMatchObject({
        status: 403,
        text: 'Permission check failed',
      });
    }
  });

  it('the right to clone the source that is missing', async () => {
    const { call, guest } = bench();
    delete guest(9000).pool;
    const answer = await call('POST', `${VM}/9000/clone`, { newid: 101, pool: 'dc' }, 'agent');
    expect(answer.text).toBe('Permission check failed (/vms/9000, VM.Clone)');
  });

  it('a source that is locked, and a bridge that the caller may not use', async () => {
    const { call, guest, cluster } = bench();
    guest(9000).lock = 'backup';
    expect((await call('POST', `${VM}/9000/clone`, { newid: 101 })).text).toBe('VM is locked (backup)');
    delete guest(9000).lock;
    cluster.acl.splice(0, cluster.acl.length, ...cluster.acl.filter(({ path }) => !path.startsWith('/sdn')));
    const answer = await call('POST', `${VM}/9000/clone`, { newid: 101, pool: 'dc' }, 'agent');
    expect(answer.text).toBe('Permission check failed (/sdn/zones/localnetwork/vmbr0, SDN.Use)');
  });
});
