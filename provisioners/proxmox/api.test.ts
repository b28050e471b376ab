import { describe, expect, test } from 'vitest';
import { manualClock } from '../../simulators/platform/manual-clock.ts';
import { Secret, silentLog } from '../../src/provisioner/index.ts';
import { createPve } from './api.ts';
import { parseUpid } from './tasks-upid.ts';
import type { PveResponse } from './transport.ts';
import { data, scripted } from './transport-scripted.ts';

const signal = new AbortController().signal;
const vm = { node: 'pve', vmid: 101 };
const TASK = 'UPID:pve:00004B50:00053E2D:6B02A8A8:imgdel:local:dc@pve!agent:';

function answering(answer: Partial<PveResponse>) {
  const host = scripted(() => answer);
  const credentials = { how: 'token', id: 'dc@pve!agent', secret: new Secret('s3cret') } as const;
  return { asked: host.asked, pve: createPve(host, credentials, { clock: manualClock(), log: silentLog }) };
}

describe('the list of guests', () => {
  test('has what is there, and counts what could not be read', async () => {
    const row = { type: 'qemu', vmid: '101', node: 'pve', status: 'running', template: '0', name: 'dc-1', maxmem: 5 };
    const { pve } = answering(data([row, { ...row, vmid: 9000, template: 1 }, { type: 'qemu', vmid: 'x' }, 7]));
    const { rows, unreadable } = await pve.cluster.vms(signal);
    expect(rows.map(({ vmid, template, tags }) => ({ vmid, template, tags }))).toEqual([
      { vmid: 101, template: false, tags: undefined },
      { vmid: 9000, template: true, tags: undefined },
    ]);
    expect(unreadable).toBe(2);
  });

  test('shows a fresh guest, which has no name yet', async () => {
    const { pve } = answering(data([{ type: 'qemu', vmid: 101, node: 'pve', status: 'unknown' }]));
    const { rows, unreadable } = await pve.cluster.vms(signal);
    expect(rows.map(({ status, name }) => [status, name])).toEqual([['unknown', undefined]]);
    expect(unreadable).toBe(0);
  });
});

describe('an id', () => {
  test('is free when the host repeats it, taken when the host says so in its words, and unclear otherwise', async () => {
    const taken = {
      status: 400,
      body: '{"message":"Parameter verification failed.","errors":{"vmid":"VM 101 already exists"}}',
    };
    expect(await answering(data('101')).pve.cluster.isIdFree(101, signal)).toBe(true);
    expect(await answering(taken).pve.cluster.isIdFree(101, signal)).toBe(false);
    for (const unclear of [data('102'), data(null), { status: 400, body: '' }, { status: 500, body: '{}' }]) {
      await expect(answering(unclear).pve.cluster.isIdFree(101, signal)).rejects.toMatchObject({
        name: 'ProvisionerError',
      });
    }
  });
});

describe('a guest', () => {
  test('has a configuration of plain texts', async () => {
    const { pve, asked } = answering(data({ digest: 'd', cores: 2, memory: '1024', odd: { a: 1 }, name: 'x' }));
    expect(await pve.vms.config(vm, 'current', signal)).toEqual({ digest: 'd', cores: '2', memory: '1024', name: 'x' });
    await pve.vms.config(vm, 'pending', signal);
    expect(asked.map(({ path }) => path.split('?')[1])).toEqual(['current=1', undefined]);
  });

  test('is not described by an answer that is no configuration, or about another guest', async () => {
    await expect(answering(data({})).pve.vms.config(vm, 'current', signal)).rejects.toMatchObject({ kind: 'retry' });
    const other = data({ vmid: 102, status: 'running' });
    await expect(answering(other).pve.vms.status(vm, signal)).rejects.toMatchObject({ kind: 'retry' });
  });

  test('is cloned with name, description and pool in the one call, linked or to a storage', async () => {
    const { pve, asked } = answering(data(TASK));
    const order = { newid: 102, name: 'dc-1', description: 'stamp', pool: 'dc' };
    await pve.vms.clone(vm, { ...order, how: 'linked' }, signal);
    await pve.vms.clone(vm, { ...order, how: { copyTo: 'local-lvm' } }, signal);
    expect(asked.map(({ body }) => JSON.parse(body ?? '') as unknown)).toEqual([
      { newid: 102, name: 'dc-1', description: 'stamp', pool: 'dc', full: 0 },
      { newid: 102, name: 'dc-1', description: 'stamp', pool: 'dc', full: 1, storage: 'local-lvm' },
    ]);
  });

  test('is grown at once on old hosts, and by a task on others', async () => {
    expect(await answering(data(null)).pve.vms.resize(vm, 'scsi0', 20, signal)).toBeUndefined();
    expect(await answering(data(TASK)).pve.vms.resize(vm, 'scsi0', 20, signal)).toBe(TASK);
    await expect(answering(data('done')).pve.vms.resize(vm, 'scsi0', 20, signal)).rejects.toMatchObject({
      kind: 'retry',
      reason: 'not-proxmox',
    });
  });

  test('that is to start, and about whose task nothing readable came back, is in the dark', async () => {
    await expect(answering(data(null)).pve.vms.start(vm, signal)).rejects.toMatchObject({ kind: 'unknown-outcome' });
  });

  test('tells its addresses by interface, however little its agent says', async () => {
    const { pve } = answering(
      data({
        result: [
          { name: 'lo' },
          {
            name: 'eth0',
            'hardware-address': 'BC:24:11:00:00:01',
            'ip-addresses': [{ 'ip-address': '192.0.2.7', 'ip-address-type': 'ipv4', prefix: 24 }],
          },
        ],
      }),
    );
    expect(await pve.agent.interfaces(vm, signal)).toEqual([
      { name: 'lo', mac: undefined, addresses: [] },
      { name: 'eth0', mac: 'bc:24:11:00:00:01', addresses: [{ address: '192.0.2.7', prefix: 24 }] },
    ]);
  });
});

describe('a log', () => {
  test('is empty when it is the one line that says so', async () => {
    const upid = parseUpid(TASK)?.upid;
    if (upid === undefined) throw new Error('no task');
    const range = { start: 0, limit: 50 };
    expect(await answering(data([{ n: 1, t: 'no content' }])).pve.tasks.log(upid, range, signal)).toEqual([]);
    expect(await answering(data([{ n: 1, t: 'a' }, { n: 2 }])).pve.tasks.log(upid, range, signal)).toEqual(['a']);
  });
});

describe('a caller', () => {
  test('has a privilege that is listed, whatever its value', async () => {
    const { pve } = answering(data({ '/vms/101': { 'VM.Audit': 0 }, '/pool/dc': { 'VM.Clone': 1 } }));
    const permissions = await pve.access.permissions(signal);
    expect(permissions.get('/vms/101')?.has('VM.Audit')).toBe(true);
    expect(permissions.get('/pool/dc')?.has('VM.Audit')).toBe(false);
  });

  test('logs in with a password that shows nowhere, unless a second factor is asked for', async () => {
    const ticket = { username: 'root@pam', ticket: 't1cket', CSRFPreventionToken: 'c5rf' };
    const login = await answering(data(ticket)).pve.access.login('root@pam', new Secret('pw'), signal);
    expect(login !== 'second-factor' && [login.user, login.ticket.reveal(), login.csrf.reveal()]).toEqual([
      'root@pam',
      't1cket',
      'c5rf',
    ]);
    expect(JSON.stringify(login)).not.toMatch(/t1cket|c5rf/);
    const more = answering(data({ ...ticket, NeedTFA: 1 })).pve.access.login('root@pam', new Secret('pw'), signal);
    expect(await more).toBe('second-factor');
  });

  test('learns a new token’s secret once, hidden from view', async () => {
    const { pve } = answering(data({ 'full-tokenid': 'dc@pve!x', value: 'n3w' }));
    const made = await pve.access.createToken('dc@pve', 'x', '', signal);
    expect([made.id, made.secret.reveal()]).toEqual(['dc@pve!x', 'n3w']);
    expect(JSON.stringify(made)).not.toContain('n3w');
  });
});

test('the contents of a storage are a set, whatever their order', async () => {
  const { pve, asked } = answering(data({ storage: 'local', type: 'dir', content: 'iso,backup,images', digest: 'd' }));
  const { content, digest } = await pve.storage.definition('local', signal);
  expect(content).toEqual(new Set(['backup', 'images', 'iso']));
  await pve.storage.setContent('local', new Set([...content, 'import']), digest, signal);
  expect(JSON.parse(asked[1]?.body ?? '')).toEqual({ content: 'backup,images,import,iso', digest: 'd' });
});
