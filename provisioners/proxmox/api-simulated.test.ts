import { afterEach, describe, expect, test } from 'vitest';
import type { Personality } from '../../simulators/proxmox/call.ts';
import { type Playground, type PlaygroundOptions, playground } from '../../simulators/proxmox/playground.ts';
import { type ProxmoxServer, startProxmox } from '../../simulators/proxmox/server.ts';
import { INSTANT_TIMINGS } from '../../simulators/proxmox/timings.ts';
import { Secret, silentLog, systemClock, systemRandom } from '../../src/provisioner/index.ts';
import { createPve, type Pve } from './api.ts';
import type { CloneOrder } from './api-vms.ts';
import type { PveCredentials } from './call-request.ts';
import { waitForTask } from './tasks.ts';
import { findTasks } from './tasks-find.ts';
import type { Upid } from './tasks-upid.ts';
import { parseFingerprint, type Trust } from './tls.ts';
import { httpTransport } from './transport.ts';

const signal = new AbortController().signal;
const options = { clock: systemClock, log: silentLog };
const template = { node: 'pve', vmid: 9000 };
const vm = { node: 'pve', vmid: 120 };
const order: CloneOrder = { newid: 120, name: 'dc-1', description: 'stamp of ours', pool: 'dc', how: 'linked' };
const IMAGE = 'https://images.example/debian.qcow2';
const undo: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

interface Host {
  readonly world: Playground;
  readonly server: ProxmoxServer;
  /** The agent's own client. */
  readonly pve: Pve;
  as(credentials: PveCredentials, trust?: Trust): Pve;
}

async function host(personality: Personality, more: Partial<PlaygroundOptions> = {}): Promise<Host> {
  const basis = { clock: systemClock, random: systemRandom, personality, timings: INSTANT_TIMINGS };
  const world = playground({ ...basis, ...more });
  const server = await startProxmox({ core: world.core });
  undo.push(
    () => world.core.close(),
    () => server.close(),
  );
  const as = (credentials: PveCredentials, trust: Trust = { how: 'checked', ca: server.ca }): Pve => {
    const transport = httpTransport(server.url, trust, systemClock);
    undo.push(() => transport.close());
    return createPve(transport, credentials, options);
  };
  const { id, secret } = world.token;
  return { world, server, as, pve: as({ how: 'token', id, secret: new Secret(secret) }) };
}

async function finish(pve: Pve, upid: Upid | undefined, doing = 'do it'): Promise<void> {
  if (upid !== undefined) await waitForTask(pve, upid, { ...options, doing, signal, limitMs: 60_000 });
}

async function admin({ world, as }: Host): Promise<Pve> {
  const { user, password } = world.root;
  const login = await as({ how: 'none' }).access.login(user, new Secret(password), signal);
  if (login === 'second-factor') throw new Error('root has no second factor here');
  return as({ how: 'ticket', ticket: login.ticket, csrf: login.csrf });
}

describe.each(['8.4', '9.1'] as const)('Proxmox VE %s, simulated', (personality) => {
  test('plays a guest’s whole life', async () => {
    const { pve, world } = await host(personality);
    expect((await pve.cluster.version(signal)).text).toMatch(`${personality}.`);
    expect(await pve.cluster.isIdFree(120, signal)).toBe(true);
    await finish(pve, await pve.vms.clone(template, order, signal));
    expect(await pve.cluster.isIdFree(120, signal)).toBe(false);

    const { net0 = '', digest = '' } = await pve.vms.config(vm, 'pending', signal);
    const set = {
      cores: 1,
      memory: 1024,
      onboot: true,
      ciuser: 'tenant',
      sshkeys: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINj+qWs61YddJt4/pThU+dSc9yZH+psSGIsk3h43RM1c',
      ipconfig0: 'ip=dhcp',
      ciupgrade: false,
      net0: `${net0},firewall=1`,
    };
    await pve.vms.setConfig(vm, { set, digest }, signal);
    await expect(pve.vms.setConfig(vm, { set: { cores: 2 }, digest }, signal)).rejects.toMatchObject({
      kind: 'retry',
      reason: 'stale-digest',
    });
    await finish(pve, await pve.vms.resize(vm, 'scsi0', 10, signal));
    await pve.firewall.setOptions(vm, { enable: true, ipfilter: true }, signal);
    await pve.firewall.addIpset(vm, 'ipfilter-net0', signal);
    await pve.firewall.addToIpset(vm, 'ipfilter-net0', '192.0.2.7', signal);
    expect(await pve.firewall.ipset(vm, 'ipfilter-net0', signal)).toMatchObject([{ cidr: '192.0.2.7' }]);
    expect(await pve.firewall.options(vm, signal)).toMatchObject({ enable: true, ipfilter: true });

    const config = await pve.vms.config(vm, 'current', signal);
    expect(config).toMatchObject({ name: 'dc-1', description: expect.stringContaining('stamp of ours') as string });
    expect(decodeURIComponent(config['sshkeys'] ?? '')).toBe(set.sshkeys);
    expect(config['scsi0']).toContain('size=10G');

    await finish(pve, await pve.vms.start(vm, signal));
    expect(await pve.vms.status(vm, signal)).toMatchObject({ status: 'running', vmid: 120 });
    await expect(pve.vms.start(vm, signal).then((upid) => finish(pve, upid))).rejects.toMatchObject({
      reason: 'running',
    });
    await pve.agent.ping(vm, signal);
    expect((await pve.agent.interfaces(vm, signal)).flatMap(({ addresses }) => addresses).length).toBeGreaterThan(0);
    await expect(pve.vms.remove(vm, signal).then((upid) => finish(pve, upid))).rejects.toMatchObject({
      reason: 'running',
    });
    await finish(pve, await pve.vms.shutdown(vm, 30, signal));
    await finish(pve, await pve.vms.stop(vm, signal));
    await finish(pve, await pve.vms.remove(vm, signal));
    expect(await pve.cluster.isIdFree(120, signal)).toBe(true);
    // Its place in the pool went with it: what is gone looks like what is not ours to see.
    await expect(pve.vms.config(vm, 'current', signal)).rejects.toMatchObject({ reason: 'no-right' });
    expect((await pve.cluster.vms(signal)).unreadable).toBe(0);
    expect(world.core.cluster.guests.has(120)).toBe(false);
  });

  test('tells a taken id, a missing guest and a missing right apart', async () => {
    const { pve, as, world } = await host(personality);
    await finish(pve, await pve.vms.clone(template, order, signal));
    await expect(pve.vms.clone(template, order, signal).then((upid) => finish(pve, upid))).rejects.toMatchObject({
      kind: 'retry',
      reason: 'exists',
    });
    const root = await admin({ as, world } as Host);
    await expect(root.vms.status({ node: 'pve', vmid: 999 }, signal)).rejects.toMatchObject({ reason: 'vm-missing' });
    await expect(root.vms.clone({ node: 'pve', vmid: 999 }, order, signal)).rejects.toMatchObject({
      reason: 'vm-missing',
    });
    await expect(pve.vms.status({ node: 'pve', vmid: 999 }, signal)).rejects.toMatchObject({
      kind: 'config',
      reason: 'no-right',
    });
    const stranger = as({
      how: 'token',
      id: world.token.id,
      secret: new Secret('00000000-0000-0000-0000-000000000000'),
    });
    await expect(stranger.cluster.version(signal)).rejects.toMatchObject({ kind: 'config', reason: 'unauthorized' });
  });

  test('has everything set up by an administrator, and taken down again', async () => {
    const root = await admin(await host(personality));
    expect((await root.access.realms(signal)).map(({ realm }) => realm)).toContain('pam');
    const privileges = ['VM.Audit', 'Datastore.Audit'];
    await root.access.createRole('Made', privileges, signal);
    await expect(root.access.createRole('Made', privileges, signal)).rejects.toMatchObject({ reason: 'exists' });
    await root.access.setRole('Made', [...privileges, 'SDN.Use'], signal);
    expect(await root.access.role('Made', signal)).toEqual(new Set([...privileges, 'SDN.Use']));
    await root.pools.create('made', 'by a test', signal);
    await expect(root.pools.create('made', '', signal)).rejects.toMatchObject({ reason: 'exists' });
    await root.access.createUser('made@pve', 'by a test', signal);
    const made = await root.access.createToken('made@pve', 'one', 'by a test', signal);
    expect(made.id).toBe('made@pve!one');
    await expect(root.access.createToken('made@pve', 'one', '', signal)).rejects.toMatchObject({ reason: 'exists' });
    for (const to of [{ user: 'made@pve' }, { token: 'made@pve!one' }]) {
      await root.access.allow({ path: '/pool/made', role: 'Made', to }, signal);
      await root.access.allow({ path: '/pool/made', role: 'Made', to }, signal);
    }
    expect((await root.access.acl(signal)).filter(({ path }) => path === '/pool/made')).toHaveLength(2);

    await root.access.disallow({ path: '/pool/made', role: 'Made', to: { user: 'made@pve' } }, signal);
    await root.access.removeToken('made@pve', 'one', signal);
    await expect(root.access.removeToken('made@pve', 'one', signal)).rejects.toMatchObject({ reason: 'missing' });
    await root.access.removeUser('made@pve', signal);
    await root.access.removeUser('made@pve', signal);
    await root.pools.remove('made', signal);
    await expect(root.pools.remove('made', signal)).rejects.toMatchObject({ reason: 'missing' });
    await root.access.removeRole('Made', signal);
    await expect(root.access.removeRole('Made', signal)).rejects.toMatchObject({ reason: 'missing' });
    expect((await root.access.users(signal)).map(({ userid }) => userid)).not.toContain('made@pve');
  });

  test('shows what it is, and has an image fetched and removed', async () => {
    const sum = 'a'.repeat(64);
    const downloads = new Map([[IMAGE, { sizeBytes: 5_000_000, diskBytes: 2 ** 31, checksums: { sha256: sum } }]]);
    const root = await admin(await host(personality, { downloads }));
    expect(await root.cluster.nodes(signal)).toMatchObject([{ node: 'pve', status: 'online' }]);
    expect((await root.nodes.status('pve', signal)).cpuinfo.cpus).toBeGreaterThan(0);
    expect((await root.nodes.bridges('pve', signal)).map(({ iface }) => iface)).toContain('vmbr0');
    expect((await root.nodes.certificates('pve', signal)).length).toBeGreaterThan(0);
    await root.nodes.pci('pve', signal);
    expect(await root.cluster.status(signal)).toMatchObject([{ name: 'pve', online: true }]);
    expect(await root.cluster.firewallEnabled(signal)).toBe(false);
    expect((await root.storage.onNode('pve', signal)).map(({ storage }) => storage)).toContain('local-lvm');

    const definition = await root.storage.definition('local', signal);
    await root.storage.setContent('local', new Set([...definition.content, 'import']), definition.digest, signal);
    const file = {
      content: 'import',
      filename: 'debian.qcow2',
      url: IMAGE,
      checksum: sum,
      algorithm: 'sha256',
    } as const;
    await finish(root, await root.storage.download('pve', 'local', file, signal));
    await finish(root, await root.storage.download('pve', 'local', file, signal));
    const wrong = { ...file, checksum: 'b'.repeat(64), filename: 'other.qcow2' };
    const failing = root.storage.download('pve', 'local', wrong, signal).then((upid) => finish(root, upid));
    await expect(failing).rejects.toMatchObject({ reason: 'download-failed' });
    const [volume] = await root.storage.volumes('pve', 'local', { content: 'import' }, signal);
    expect(volume?.volid).toBe('local:import/debian.qcow2');
    await finish(root, await root.storage.removeVolume('pve', 'local', 'local:import/debian.qcow2', signal));
    expect(await root.storage.volumes('pve', 'local', { content: 'import' }, signal)).toEqual([]);
  });

  test('with its texts in the reason phrase alone, as before 8.4, is understood as well', async () => {
    const { pve } = await host(personality, { errorTexts: 'reason' });
    await finish(pve, await pve.vms.clone(template, order, signal));
    await expect(pve.vms.clone(template, order, signal).then((upid) => finish(pve, upid))).rejects.toMatchObject({
      reason: 'exists',
    });
  });
});

describe('a host in trouble, simulated,', () => {
  test.each(['drop-after', 'truncate', 'garbage'] as const)(
    'that loses the answer to a clone (%s) has begun it once, and the task is found again',
    async (kind) => {
      const { pve, world } = await host('9.1');
      world.core.faults.add({ method: 'POST', path: '/nodes/*/qemu/*/clone', fault: { kind } });
      const began = systemClock.now();
      await expect(pve.vms.clone(template, order, signal)).rejects.toMatchObject({ kind: 'unknown-outcome' });
      const query = { node: 'pve', type: 'qmclone', vmid: 9000, who: world.token.id, since: began };
      const [found, ...others] = await findTasks(pve, query, signal);
      expect(others).toEqual([]);
      await finish(pve, found?.upid);
      expect((await pve.vms.config(vm, 'current', signal))['description']).toContain('stamp of ours');
    },
  );

  test('whose connection breaks before it did anything is in the dark all the same: nobody can tell', async () => {
    const { pve, world } = await host('9.1');
    world.core.faults.add({ path: '/nodes/*/qemu/*/clone', fault: { kind: 'drop-before' } });
    await expect(pve.vms.clone(template, order, signal)).rejects.toMatchObject({ kind: 'unknown-outcome' });
    expect(await findTasks(pve, { node: 'pve', type: 'qmclone', vmid: 9000 }, signal)).toEqual([]);
  });

  test('whose worker dies leaves the task in the dark', async () => {
    const { pve, world } = await host('9.1');
    world.core.faults.add({ task: 'qmclone', fault: { kind: 'dead-worker' } });
    await expect(pve.vms.clone(template, order, signal).then((upid) => finish(pve, upid))).rejects.toMatchObject({
      kind: 'unknown-outcome',
      reason: 'task-died',
    });
  });

  test('that warns has done what it was asked', async () => {
    const { pve, world } = await host('9.1');
    world.core.faults.add({ task: 'qmclone', fault: { kind: 'task-warnings', count: 2 } });
    const upid = await pve.vms.clone(template, order, signal);
    expect(await waitForTask(pve, upid, { ...options, doing: 'clone', signal, limitMs: 60_000 })).toEqual({
      warnings: 2,
    });
  });

  test('that lost quorum refuses writes for now', async () => {
    const { pve, world } = await host('9.1');
    await finish(pve, await pve.vms.clone(template, order, signal));
    world.core.admin.loseQuorum();
    await expect(pve.vms.setConfig(vm, { set: { cores: 1 } }, signal)).rejects.toMatchObject({
      kind: 'retry',
      reason: 'no-quorum',
    });
  });

  test('that was given a new certificate is not spoken to by one who pinned the old', async () => {
    const { server, as, world } = await host('9.1');
    const fingerprint = parseFingerprint(server.fingerprint);
    if (fingerprint === undefined) throw new Error('no fingerprint');
    const { id, secret } = world.token;
    const pinned = () => as({ how: 'token', id, secret: new Secret(secret) }, { how: 'checked', fingerprint });
    expect((await pinned().cluster.version(signal)).major).toBe(9);
    server.renewCertificate();
    const before = world.core.calls.length;
    await expect(pinned().cluster.version(signal)).rejects.toMatchObject({ kind: 'config', reason: 'certificate' });
    expect(world.core.calls).toHaveLength(before);
  });

  test('that tears handshakes was not asked anything', async () => {
    const { server, pve } = await host('9.1');
    server.tearHandshakes(1);
    await expect(pve.vms.clone(template, order, signal)).rejects.toMatchObject({
      kind: 'retry',
      reason: 'unreachable',
    });
    await finish(pve, await pve.vms.clone(template, order, signal));
  });
});
