import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { newGuest } from '../../../simulators/proxmox/qemu/guests.ts';
import { BareGround, IMAGE } from './fixtures.ts';
import { tokenName } from './names.ts';
import { undo } from './undo.ts';

let ground: BareGround;
beforeEach(async () => {
  ground = await BareGround.open({ nodes: [{ name: 'pve' }, { name: 'pve2' }] });
});
afterEach(() => ground.core.close());

const cluster = () => ground.core.cluster;
const takeBack = () => undo([...ground.made], ground.work, ground.journal);
const reasons = async () => (await takeBack()).map(({ thing, why }) => `${thing.kind}: ${why}`);

describe('what others have is not touched:', () => {
  test('a role that somebody else uses is not changed', async () => {
    cluster().roles.set('DcAgent', new Set(['VM.Audit']));
    cluster().acl.push({ path: '/vms', kind: 'user', who: 'root@pam', role: 'DcAgent', propagate: true });
    await expect(ground.plan()).rejects.toThrow(
      "role 'DcAgent' is used by root@pam too: choose another name with --role",
    );
  });

  test.each([
    [
      'a role of Proxmox itself',
      { names: { pool: 'p', role: 'Administrator', user: 'a@pve', token: 'aa' } },
      'is a role of Proxmox itself',
    ],
    [
      'a name that Proxmox keeps',
      { names: { pool: 'p', role: 'PVEShop', user: 'a@pve', token: 'aa' } },
      'begin with PVE',
    ],
    [
      'a user of a realm without him',
      { names: { pool: 'p', role: 'r', user: 'a@ldap', token: 'aa' } },
      'there is no user a@ldap',
    ],
    ['a template that is none', { template: 100 }, 'there is no VM 100'],
  ])('%s is refused', async (_what, order, text) => {
    await expect(ground.plan(order)).rejects.toThrow(text);
    expect(ground.writes()).toEqual([]);
  });

  test('a disabled user is not enabled silently', async () => {
    cluster().users.set('dc-agent@pve', { id: 'dc-agent@pve', enable: false, expire: 0, tokens: new Map() });
    await expect(ground.plan()).rejects.toThrow('user dc-agent@pve is disabled: enable it, or give --user');
  });

  test('a guest that takes the VMID at the last moment is neither made a template nor removed', async () => {
    const { steps } = await ground.plan();
    newGuest(ground.core.pve, { vmid: 9000, node: 'pve', config: new Map([['name', 'mail']]) });
    await expect(ground.apply(steps)).rejects.toThrow('VM 9000 was made by somebody else at the same moment');
    expect(await takeBack()).toEqual([]);
    expect(cluster().guests.get(9000)).toMatchObject({ template: false });
  });
});

describe('a role of ours', () => {
  test('gets exactly what is needed, and back what it had', async () => {
    const had = ['VM.Audit', 'VM.Backup'];
    cluster().roles.set('DcAgent', new Set(had));
    await ground.apply((await ground.plan()).steps);
    expect(cluster().roles.get('DcAgent')?.has('VM.Backup')).toBe(false);
    expect(await takeBack()).toEqual([]);
    expect([...(cluster().roles.get('DcAgent') ?? [])].sort()).toEqual(had);
  });

  test('stays as it is when somebody has changed it since', async () => {
    cluster().roles.set('DcAgent', new Set(['VM.Audit']));
    await ground.apply((await ground.plan()).steps);
    cluster().roles.get('DcAgent')?.add('VM.Backup');
    expect(await reasons()).toEqual(['privileges: they were changed since']);
  });
});

describe('a second agent on the same cluster', () => {
  test('shares template, pool, role and user, and both can be taken back in any order', async () => {
    await ground.apply((await ground.plan()).steps);
    const first = ground.made.splice(0);
    const names = { pool: 'dc-agent', role: 'DcAgent', user: 'dc-agent@pve', token: 'agent-other-2' };
    const plan = await ground.plan({ names });
    expect(plan.templates).toEqual([{ vmid: 9000, name: 'debian-13' }]);
    await ground.apply(plan.steps);
    expect(ground.made.every(({ kind }) => kind === 'token' || kind === 'right')).toBe(true);
    const second = ground.made.splice(0);
    ground.made.push(...first);
    expect((await takeBack()).map(({ thing }) => thing.kind).sort()).toEqual(
      ['pool', 'right', 'right', 'right', 'right', 'role', 'template', 'user'].sort(),
    );
    const rest = ground.made.splice(0);
    ground.made.push(...second);
    expect(await takeBack()).toEqual([]);
    ground.made.push(...rest);
    expect(await takeBack()).toEqual([]);
    expect(cluster().guests.size + cluster().pools.size + cluster().acl.length).toBe(0);
  });

  test('on another node makes a template of another name, since offerings ask for templates by name', async () => {
    await ground.apply((await ground.plan()).steps);
    const names = { pool: 'dc-agent', role: 'DcAgent', user: 'dc-agent@pve', token: 'agent-other-2' };
    const { templates } = await ground.plan({ names, node: 'pve2' });
    expect(templates).toEqual([{ vmid: 9001, name: 'debian-13-pve2' }]);
  });

  test('never has the name of the first one’s token', () => {
    const key = '0123456789abcdef';
    expect(tokenName('pve', key, 'proxmox')).toBe('agent-pve-01234567');
    expect(tokenName('pve', 'f'.repeat(16), 'proxmox')).not.toBe(tokenName('pve', key, 'proxmox'));
    expect(tokenName('pve', key, 'second')).toBe('agent-pve-01234567-second');
    expect(tokenName('Büro_1.lan', key, 'proxmox')).toMatch(/^[A-Za-z][A-Za-z0-9._-]+$/);
  });
});

test('a template of the operator’s own is put into the pool, its storage opened, and taken out again', async () => {
  await ground.apply((await ground.plan()).steps);
  await takeBack();
  const config = new Map([
    ['name', 'mine'],
    ['agent', 'enabled=1'],
    ['boot', 'order=scsi0'],
    ['scsi0', 'other:base-500-disk-0,size=3G'],
    ['ide2', 'local-lvm:vm-500-cloudinit,media=cdrom'],
    ['net0', 'virtio=BC:24:11:00:00:01,bridge=vmbr9'],
  ]);
  newGuest(ground.core.pve, { vmid: 500, node: 'pve', config }).template = true;
  cluster().guests.get(500)?.config.set('template', '1');
  const { steps, templates } = await ground.plan({ template: 500 });
  expect(templates).toEqual([{ vmid: 500, name: 'mine' }]);
  await ground.apply(steps);
  expect(cluster().guests.get(500)?.pool).toBe('dc-agent');
  const paths = new Set(cluster().acl.map(({ path }) => path));
  expect([...paths]).toEqual(expect.arrayContaining(['/storage/other', '/sdn/zones/localnetwork/vmbr9']));
  expect(await takeBack()).toEqual([]);
  expect(cluster().guests.get(500)?.pool).toBeUndefined();
});

test('machines that name the snippet keep it: without the file they could not be started', async () => {
  await ground.apply((await ground.plan({ wishes: { agent: 'first-boot' } })).steps);
  const cicustom = cluster().guests.get(9000)?.config.get('cicustom') ?? '';
  newGuest(ground.core.pve, { vmid: 100_001, node: 'pve2', config: new Map([['cicustom', cicustom]]) });
  expect(await reasons()).toEqual(['snippet: without it these could not be started any more: 100001']);
  expect([...ground.snippets.keys()]).toEqual(['local:snippets/dc-agent-guest-agent.yaml']);
});

test('an image that was changed by its vendor does not unsettle a template that is in use', async () => {
  await ground.apply((await ground.plan()).steps);
  const pin = async () => Promise.reject(new Error('the checksum was looked up'));
  expect((await ground.plan({ token: 'works', images: [IMAGE], pin })).steps).toEqual([]);
});
