import { afterEach, describe, expect, it } from 'vitest';
import { again } from '../../src/provisioner/conformance/operations.ts';
import { operation } from '../../src/provisioner/conformance.ts';
import type { Instance, MachineOrder } from '../../src/provisioner/index.ts';
import { fastClock, KEY, openStage, type Stage } from './fixtures.ts';
import { readStamp } from './stamp.ts';

let stage: Stage;

afterEach(() => stage.close());

function make(overrides: Partial<MachineOrder> = {}): Promise<Instance> {
  const order = stage.order(overrides);
  return stage.provisioner.create(order, operation(order.stamp));
}

const guestOf = (id: string) => stage.core.cluster.guests.get(Number(id));

describe('a new machine', () => {
  it('is what was ordered, with its stamp, in its pool', async () => {
    stage = openStage({
      settings: { tags: ['gold'], bridge: 'vmbr0', vlan_tag: 5, net_rate_mbps: 80, ci_user: 'tenant' },
    });
    const order = stage.order({ cpuCores: 3, memoryMb: 3072, storageGb: 7, sshKey: KEY });
    const instance = await stage.provisioner.create(order, operation(order.stamp));
    const guest = guestOf(instance.externalId);
    expect(Object.fromEntries(guest?.config ?? [])).toMatchObject({
      name: order.name,
      cores: '3',
      memory: '3072',
      ciuser: 'tenant',
      ipconfig0: 'ip=dhcp',
      ciupgrade: '0',
      onboot: '1',
      tags: 'dc-agent;gold',
      sshkeys: encodeURIComponent(KEY),
    });
    expect(guest?.config.get('net0')).toMatch(/^virtio=BC:24:11:[0-9A-F:]+,bridge=vmbr0,firewall=1,rate=9\.537,tag=5$/);
    expect(guest?.config.get('scsi0')).toContain('size=7G');
    expect(readStamp(guest?.config.get('description'))).toEqual({
      ...order.stamp,
      vmid: Number(instance.externalId),
      name: order.name,
      stage: 'configured',
    });
    expect(guest?.pool).toBe(stage.pool);
    expect(instance.ssh).toEqual({ host: instance.ipv4, port: 22, user: 'tenant' });
    expect(instance.uptimeMs).toBeGreaterThanOrEqual(0);
  });

  it('has a VMID of the range, and another one where somebody takes it first', async () => {
    stage = openStage({ settings: { vmid_start: 500, vmid_end: 501 } });
    const [template] = [stage.core.cluster.guests.get(9000)];
    if (template === undefined) throw new Error('no template');
    stage.core.cluster.guests.set(500, {
      ...template,
      vmid: 500,
      template: false,
      config: new Map([['name', 'hidden']]),
    });
    delete (stage.core.cluster.guests.get(500) as { pool?: string }).pool;
    expect((await make()).externalId).toBe('501');
    await expect(make()).rejects.toMatchObject({ kind: 'capacity' });
    expect(guestOf('500')?.config.get('name')).toBe('hidden');
  });

  it('is refused for good when it can never be made, before anything is made', async () => {
    stage = openStage();
    await expect(make({ storageGb: 2 })).rejects.toMatchObject({
      kind: 'permanent',
      publicText: /smaller than its image/,
    });
    await expect(make({ settings: { template_vmid: 101 } })).rejects.toMatchObject({ kind: 'permanent' });
    await expect(make({ sshKey: `${KEY}\nssh-rsa AAAA` })).rejects.toMatchObject({ kind: 'permanent' });
    expect(stage.core.cluster.guests.size).toBe(1);
    expect(stage.core.calls.some((call) => call.startsWith('POST'))).toBe(false);
  });

  it('is put off while there is no room, and given its room at once when there is', async () => {
    stage = openStage({ diskGb: 40, settings: { reserve_storage_gb: 10 } });
    await expect(make({ storageGb: 35 })).rejects.toMatchObject({ kind: 'capacity' });
    const wanted = [stage.order({ storageGb: 15 }), stage.order({ storageGb: 15 }), stage.order({ storageGb: 15 })];
    const ends = await Promise.allSettled(
      wanted.map((order) => stage.provisioner.create(order, operation(order.stamp))),
    );
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('is copied whole where the storage cannot share blocks', async () => {
    stage = openStage({ disks: 'lvm' });
    const { externalId } = await make();
    const [volume] = [...(stage.core.cluster.nodes.get('pve')?.volumes.values() ?? [])].filter(
      ({ vmid, volid }) => vmid === Number(externalId) && volid.includes('disk'),
    );
    expect(volume).toBeDefined();
    expect(volume?.parent).toBeUndefined();
    expect(stage.core.calls).toContain('POST /nodes/pve/qemu/9000/clone');
  });

  it('that its node started half-made is set up before anybody is told of it', async () => {
    stage = openStage();
    stage.core.cluster.guests.get(9000)?.config.set('onboot', '1');
    const order = stage.order();
    const op = operation(order.stamp);
    // The process dies right after the clone is there.
    const cloned = new Promise<void>((resolve) => {
      let asked = false;
      stage.wire.fate = (_n, { method, path }) => {
        if (asked && path.endsWith('/config') && method === 'PUT') {
          resolve();
          return 'dead';
        }
        asked ||= path.endsWith('/clone');
        return undefined;
      };
    });
    await Promise.race([cloned, stage.provisioner.create(order, op)]);
    await stage.core.admin.reboot('pve', 1_000);
    const [half] = stage.machinesOf(order.stamp);
    await expect.poll(() => half?.status).toBe('running');
    const instance = await stage.open().create(order, again(op));
    expect(stage.machinesOf(order.stamp)).toHaveLength(1);
    expect(guestOf(instance.externalId)?.started?.get('sshkeys')).toBe(encodeURIComponent(order.sshKey));
  });

  it('that never answers is said to lack an agent, and is found again', async () => {
    stage = openStage({ settings: { ip_wait_attempts: 2, ip_wait_interval_secs: 5 } });
    const order = stage.order();
    const op = operation(order.stamp);
    const silent = setInterval(() => {
      for (const { guest } of stage.machinesOf(order.stamp)) guest.agent = false;
    }, 1);
    await expect(stage.provisioner.create(order, op)).rejects.toMatchObject({
      kind: 'retry',
      message: /qemu-guest-agent/,
    });
    clearInterval(silent);
    for (const { guest } of stage.machinesOf(order.stamp)) guest.agent = true;
    await stage.provisioner.create(order, again(op, { outcomeUnknown: false }));
    expect(stage.machinesOf(order.stamp)).toHaveLength(1);
  });

  it('does without tags where the datacenter forbids them', async () => {
    stage = openStage();
    let refused = 0;
    stage.wire.rewrite = ({ method, path, body }, answer) => {
      if (method !== 'PUT' || !path.endsWith('/config') || !body?.includes('"tags"')) return undefined;
      refused += 1;
      const message = 'Permission check failed (/, Sys.Modify)\n';
      return { ...answer, status: 403, body: JSON.stringify({ data: null, message }) };
    };
    await make();
    expect(refused).toBe(1);
  });
});

describe('twenty machines at once on one node', () => {
  it('are made without a lock error, on a host that is as slow as a real one', async () => {
    // The recorded timings: whole seconds for every step.
    stage = openStage({ clock: fastClock(40), timings: {} });
    const answers: string[] = [];
    stage.wire.rewrite = (_request, answer) => {
      if (answer.status >= 500) answers.push(answer.body || answer.statusText);
      return undefined;
    };
    const orders = Array.from({ length: 20 }, () => stage.order());
    const made = await Promise.all(orders.map((order) => stage.provisioner.create(order, operation(order.stamp))));
    expect(new Set(made.map(({ ipv4 }) => ipv4)).size).toBe(20);
    const other = answers.filter((text) => !/guest agent is not running/.test(text));
    expect(other).toEqual([]);
    for (const order of orders) expect(stage.machinesOf(order.stamp)).toHaveLength(1);
  });
});

describe('machines with assigned addresses', () => {
  const address = { cidr: '10.10.10.0/24', first: '10.10.10.50', last: '10.10.10.53', dns: ['10.10.10.1'] };

  it('have one each, guarded before the first start, and need no agent', async () => {
    stage = openStage({ settings: { address } });
    stage.core.cluster.guests.get(9000)?.config.delete('agent');
    const made = await Promise.all([make(), make(), make(), make()]);
    expect(made.flatMap(({ ipv4 }) => ipv4 ?? []).toSorted((a, b) => a.localeCompare(b))).toEqual([
      '10.10.10.50',
      '10.10.10.51',
      '10.10.10.52',
      '10.10.10.53',
    ]);
    for (const { externalId, ipv4 } of made) {
      const guest = guestOf(externalId);
      expect(guest?.started?.get('ipconfig0')).toBe(`ip=${ipv4}/24,gw=10.10.10.1`);
      expect([...(guest?.firewall.ipsets.get('ipfilter-net0')?.keys() ?? [])]).toEqual([ipv4]);
    }
    await expect(make()).rejects.toMatchObject({ kind: 'capacity' });
    expect(stage.core.calls.some((call) => call.includes('/agent/'))).toBe(false);
  });

  it('get one that was freed, also from another process, and keep their own', async () => {
    stage = openStage({ settings: { address } });
    const [first, second] = [await make(), await make()];
    const ref = { stamp: first.stamp, externalId: first.externalId, handles: {} };
    await stage.provisioner.destroy(ref, operation(first.stamp));
    const other = stage.open();
    const order = stage.order();
    const third = await other.create(order, operation(order.stamp));
    expect([second.ipv4, third.ipv4]).toEqual(['10.10.10.51', '10.10.10.50']);
    const kept = await other.create(order, operation(order.stamp, { attempt: 2 }));
    expect(kept.ipv4).toBe('10.10.10.50');
  });
});

describe('on a cluster', () => {
  it('machines of a template on shared storage go to the node with most room', async () => {
    const nodes = [
      { name: 'a', memoryGb: 8 },
      { name: 'b', memoryGb: 64 },
      { name: 'c', memoryGb: 16 },
    ];
    stage = openStage({ nodes, disks: 'nfs', settings: { node: 'a', nodes: 'all' } });
    for (const node of ['a', 'b', 'c']) stage.grant(`/nodes/${node}`, 'Sys.Audit');
    const { externalId } = await make({ memoryMb: 4096 });
    expect(guestOf(externalId)?.node).toBe('b');
  });

  it('machines of a template on local storage stay where it is', async () => {
    const nodes = [
      { name: 'a', memoryGb: 8 },
      { name: 'b', memoryGb: 64 },
    ];
    stage = openStage({ nodes, settings: { node: 'a', nodes: 'all' } });
    for (const node of ['a', 'b']) stage.grant(`/nodes/${node}`, 'Sys.Audit');
    expect(guestOf((await make()).externalId)?.node).toBe('a');
    await expect(make({ memoryMb: 16_384 })).rejects.toMatchObject({ kind: 'permanent' });
  });
});
