import { afterEach, describe, expect, it } from 'vitest';
import { again, context, freshOperation } from '../../src/provisioner/conformance/operations.ts';
import { operation } from '../../src/provisioner/conformance.ts';
import type { ExternalId, Instance, OwnedRef } from '../../src/provisioner/index.ts';
import { openStage, type Stage } from './fixtures.ts';

let stage: Stage;

afterEach(() => stage.close());

async function make(): Promise<{ instance: Instance; ref: OwnedRef }> {
  const order = stage.order();
  const instance = await stage.provisioner.create(order, operation(order.stamp));
  return { instance, ref: { stamp: instance.stamp, externalId: instance.externalId, handles: {} } };
}

const guestOf = (id: string) => {
  const found = stage.core.cluster.guests.get(Number(id));
  if (found === undefined) throw new Error(`no machine ${id}`);
  return found;
};

const destroy = (ref: OwnedRef) => stage.provisioner.destroy(ref, operation(ref.stamp));
const observe = (ref: OwnedRef) => stage.provisioner.observe(ref, context());
const writes = () => stage.core.calls.filter((call) => !call.startsWith('GET') && !call.includes('/agent/'));

describe('nothing is touched', () => {
  it('that an operator renamed, until it has its name again', async () => {
    stage = openStage();
    const { instance, ref } = await make();
    const guest = guestOf(instance.externalId);
    const name = guest.config.get('name') ?? '';
    guest.config.set('name', 'keep-this');
    const before = writes().length;
    await expect(destroy(ref)).rejects.toMatchObject({ kind: 'not-ours', message: /renamed .*keep-this/ });
    await expect(stage.provisioner.stop(ref, operation(ref.stamp))).rejects.toMatchObject({ kind: 'not-ours' });
    expect(writes()).toHaveLength(before);
    expect(guest.status).toBe('running');
    guest.config.set('name', name);
    await destroy(ref);
  });

  it('that was renamed or damaged while it was made, and no second one is made beside it', async () => {
    stage = openStage();
    const order = stage.order();
    const op = operation(order.stamp);
    const { externalId } = await stage.provisioner.create(order, op);
    const { config } = guestOf(externalId);
    const [name = '', description = ''] = [config.get('name'), config.get('description')];
    config.set('name', 'keep-this');
    await expect(stage.open().create(order, again(op))).rejects.toMatchObject({ kind: 'not-ours' });
    config.set('name', name).set('description', description.replace('vmid=', 'vmid:'));
    await expect(stage.open().create(order, again(op))).rejects.toMatchObject({ kind: 'not-ours' });
    expect(stage.core.cluster.guests.size).toBe(2);
    config.set('description', description);
    expect((await stage.open().create(order, again(op))).externalId).toBe(externalId);
  });

  it('that an operator cloned from a machine of ours', async () => {
    stage = openStage();
    const { instance, ref } = await make();
    const source = guestOf(instance.externalId);
    const copy = stage.addStranger('copy', source.config.get('description'));
    expect((await stage.provisioner.list(context())).instances.map(({ externalId }) => externalId)).toEqual([
      instance.externalId,
    ]);
    const stamp = { ...ref.stamp, operation: freshOperation() };
    await expect(destroy({ ...ref, stamp, externalId: copy })).rejects.toMatchObject({ kind: 'not-ours' });
    await destroy({ ...ref, externalId: copy });
    expect(stage.core.cluster.guests.has(Number(instance.externalId))).toBe(false);
    expect(stage.core.cluster.guests.has(Number(copy))).toBe(true);
  });

  it('that became a template, or whose stamp was damaged, and the list says that it proves nothing', async () => {
    stage = openStage();
    const { instance, ref } = await make();
    const guest = guestOf(instance.externalId);
    guest.config.set('description', (guest.config.get('description') ?? '').replace('operation=', 'operation:'));
    await expect(destroy(ref)).rejects.toMatchObject({ kind: 'not-ours', message: /damaged/ });
    expect(await observe(ref)).toMatchObject({ state: 'unknown' });
    await expect(observe({ stamp: ref.stamp, handles: {} })).rejects.toMatchObject({ kind: 'retry' });
    expect(await stage.open().list(context())).toEqual({ complete: false, instances: [] });
    const findings = await stage.provisioner.check(context());
    expect(findings.map(({ code }) => code)).toContain('proxmox.machine.unclear');
  });

  it('that is protected, and the operator is told', async () => {
    stage = openStage();
    const { instance, ref } = await make();
    guestOf(instance.externalId).config.set('protection', '1');
    await expect(destroy(ref)).rejects.toMatchObject({ kind: 'config', message: /protected/ });
    expect(guestOf(instance.externalId).status).toBe('running');
  });

  it('that is hidden: taken out of the pool, or a stranger under our VMID', async () => {
    stage = openStage();
    const { instance, ref } = await make();
    delete guestOf(instance.externalId).pool;
    const before = writes().length;
    const { stop, start } = stage.provisioner;
    for (const call of [
      destroy,
      (of: OwnedRef) => stop(of, operation(of.stamp)),
      (of: OwnedRef) => start(of, operation(of.stamp)),
    ]) {
      await expect(call(ref)).rejects.toMatchObject({ kind: 'not-ours' });
    }
    expect(await observe(ref)).toMatchObject({ state: 'unknown' });
    expect(writes()).toHaveLength(before);
  });

  it('under an external id that is none', async () => {
    stage = openStage();
    const { ref } = await make();
    await expect(destroy({ ...ref, externalId: '../9000' as ExternalId })).rejects.toMatchObject({ kind: 'not-ours' });
  });
});

describe('a machine is not called gone', () => {
  it('because it moved to another node, and is found there', async () => {
    stage = openStage({ nodes: ['a', 'b'], disks: 'nfs', settings: { node: 'a' } });
    const { instance, ref } = await make();
    stage.core.admin.moveGuest(Number(instance.externalId), 'b');
    expect(await observe(ref)).toMatchObject({ state: 'present', instance: { power: 'running' } });
    await stage.provisioner.stop(ref, operation(ref.stamp));
    expect(guestOf(instance.externalId).status).toBe('stopped');
    stage.core.admin.moveGuest(Number(instance.externalId), 'a');
    await destroy(ref);
    expect(stage.machinesOf(ref.stamp)).toEqual([]);
  });

  it('because its node died, and is found where HA started it', async () => {
    stage = openStage({ nodes: ['a', 'b'], disks: 'nfs', settings: { node: 'a' } });
    const { instance, ref } = await make();
    stage.core.admin.moveGuest(Number(instance.externalId), 'b');
    expect(await observe(ref)).toMatchObject({ state: 'present' });
    await stage.core.admin.nodeDown('b');
    await expect(observe(ref)).rejects.toMatchObject({ kind: 'retry' });
    stage.core.admin.moveGuest(Number(instance.externalId), 'a');
    expect(await observe(ref)).toMatchObject({ state: 'present', instance: { power: 'stopped' } });
  });

  it('while a node is down', async () => {
    stage = openStage({ nodes: ['a', 'b'], disks: 'nfs', settings: { node: 'a' } });
    const { instance, ref } = await make();
    stage.core.cluster.guests.delete(Number(instance.externalId));
    await stage.core.admin.nodeDown('b');
    await expect(observe(ref)).rejects.toMatchObject({ kind: 'retry', message: /nodes are down: b/ });
    expect((await stage.provisioner.list(context())).complete).toBe(false);
    stage.core.admin.nodeUp('b');
    expect(await observe(ref)).toEqual({ state: 'absent' });
  });

  it('because the token lost its rights', async () => {
    stage = openStage();
    const { ref } = await make();
    stage.core.cluster.acl.length = 0;
    await expect(observe({ stamp: ref.stamp, handles: {} })).rejects.toMatchObject({
      kind: 'retry',
      message: /template 9000/,
    });
    expect(await stage.provisioner.list(context())).toEqual({ complete: false, instances: [] });
    expect(await observe(ref)).toMatchObject({ state: 'unknown' });
  });

  it('because its number is free in an answer and listed in another', async () => {
    stage = openStage();
    const { ref } = await make();
    stage.wire.rewrite = ({ path }, answer) =>
      path.includes('/config')
        ? {
            ...answer,
            status: 500,
            body: JSON.stringify({ data: null, message: "Configuration file 'x' does not exist\n" }),
          }
        : undefined;
    await expect(observe(ref)).rejects.toMatchObject({ kind: 'retry' });
    await expect(destroy(ref)).rejects.toMatchObject({ kind: 'retry' });
  });
});

describe('a removal', () => {
  it('takes the disks along, and leaves everybody else’s', async () => {
    stage = openStage();
    const [one, other] = [await make(), await make()];
    await destroy(one.ref);
    expect(stage.leftovers()).toEqual([]);
    expect(guestOf(other.instance.externalId).status).toBe('running');
    expect(stage.core.cluster.guests.has(9000)).toBe(true);
  });

  it.each(['lost-before', 'lost-after'] as const)('survives every answer that is %s processing', async (fate) => {
    const tell = async (n: number): Promise<void> => {
      const own = openStage();
      const order = own.order();
      const { externalId } = await own.provisioner.create(order, operation(order.stamp));
      const remove = () =>
        own.provisioner.destroy({ stamp: order.stamp, externalId, handles: {} }, operation(order.stamp));
      let count = 0;
      own.wire.fate = () => (count++ === n ? fate : undefined);
      // A read that fails ends the call, and the agent asks again.
      await remove().catch((error: unknown) => expect(error).toMatchObject({ kind: 'retry' }));
      own.wire.fate = undefined;
      await remove();
      expect(own.machinesOf(order.stamp), `request ${n}`).toEqual([]);
      expect(own.leftovers()).toEqual([]);
      await own.close();
    };
    stage = openStage();
    await Promise.all(Array.from({ length: 14 }, (_, n) => tell(n)));
  });

  it('says why when the machine is locked by a backup', async () => {
    stage = openStage();
    const { instance, ref } = await make();
    const unlock = stage.core.admin.lockGuest(Number(instance.externalId), 'backup');
    await expect(destroy(ref)).rejects.toMatchObject({ kind: 'retry', message: /locked \(backup\)/ });
    unlock();
    await destroy(ref);
  });

  it('of a chosen VMID that somebody else got leaves theirs alone', async () => {
    stage = openStage();
    const order = stage.order();
    const stranger = stage.addStranger();
    await destroy({ stamp: order.stamp, handles: { vmid: stranger } });
    expect(stage.core.cluster.guests.has(Number(stranger))).toBe(true);
  });
});
