import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createVirtualClock, type VirtualClock } from '../../src/platform/virtual-clock.ts';
import { operation, sampleOrder } from '../../src/provisioner/conformance.ts';
import type { Instance, Operation, OwnedRef } from '../../src/provisioner/index.ts';
import { silentLog } from '../../src/provisioner/index.ts';
import { AGENT, type Opened, openTarget, played, refusalOf } from './fixtures.ts';

let clock: VirtualClock;
let opened: Opened;

beforeEach(() => {
  clock = createVirtualClock();
  opened = openTarget({ clock, settings: { suspend: 'snapshot' } });
});
afterEach(() => opened.close());

const context = () => ({ signal: new AbortController().signal, log: silentLog });
const refOf = ({ stamp, externalId }: Instance): OwnedRef => ({ stamp, externalId, handles: {} });
const play = <T>(act: (op: Operation) => Promise<T>, { stamp }: Pick<Instance, 'stamp'>): Promise<T> =>
  played(clock, act(operation(stamp)));

async function made(): Promise<Instance> {
  const order = sampleOrder(AGENT);
  return played(clock, opened.provisioner.create(order, operation(order.stamp)));
}

const truth = ({ externalId }: Instance) => {
  const server = opened.core.project.servers.get(Number(externalId));
  if (server === undefined) throw new Error(`there is no server ${externalId}`);
  return server;
};

describe('a suspended machine', () => {
  const stop = (machine: Instance) => play((op) => opened.provisioner.stop(refOf(machine), op), machine);
  const start = (machine: Instance) => play((op) => opened.provisioner.start(refOf(machine), op), machine);
  const snapshots = () => [...opened.core.project.images.values()].filter(({ type }) => type === 'snapshot');

  test('is a snapshot and its addresses, shows as off, and comes back as the same machine', async () => {
    const machine = await made();
    await stop(machine);
    expect(opened.core.project.servers.size).toBe(0);
    expect(snapshots()).toHaveLength(1);
    const { complete, instances } = await played(clock, opened.provisioner.list(context()));
    expect([complete, instances]).toMatchObject([
      true,
      [
        {
          externalId: machine.externalId,
          stamp: machine.stamp,
          power: 'stopped',
          ssh: machine.ssh,
          ipv6: machine.ipv6,
        },
      ],
    ]);
    const back = await start(machine);
    expect(back).toMatchObject({ externalId: machine.externalId, ipv4: machine.ipv4, ipv6: machine.ipv6 });
    expect([...opened.core.project.servers.keys()]).not.toEqual([Number(machine.externalId)]);
    expect(snapshots()).toEqual([]);
    const seen = await played(clock, opened.provisioner.observe(refOf(machine), context()));
    expect(seen).toMatchObject({ state: 'present', instance: { externalId: machine.externalId, power: 'running' } });
  });

  test('counts as a machine, so that its place is not sold again', async () => {
    const machine = await made();
    await stop(machine);
    expect((await played(clock, opened.provisioner.inventory(context()))).machinesFree).toBe(499);
  });

  test('keeps its host keys and gets no second key of a tenant’s', async () => {
    const machine = await made();
    await stop(machine);
    await start(machine);
    const [server] = opened.core.project.servers.values();
    expect(server?.userData).toContain('ssh_deletekeys: false');
    expect(server?.userData).not.toContain('ssh_authorized_keys');
  });

  test('is kept safe when there is no stock to bring it back', async () => {
    const machine = await made();
    await stop(machine);
    opened.core.admin.setStock('cx23', 'fsn1', 'refused');
    const error = await refusalOf(start(machine));
    expect(error).toMatchObject({ kind: 'capacity' });
    expect(snapshots()).toHaveLength(1);
  });

  test('is never put together from a snapshot that is older than its last run', async () => {
    const machine = await made();
    // The deletion fails after the snapshot was taken; then the contract is resumed, used and paused again.
    opened.core.faults.add({ call: 'DELETE /servers/{id}', fault: { kind: 'error', code: 'protected' } });
    await refusalOf(stop(machine));
    const [old] = snapshots();
    expect(old?.status).toBe('available');
    await start(machine);
    expect(snapshots()).toEqual([]);
    opened.core.faults.add({ call: 'DELETE /images/{id}', fault: { kind: 'drop-before' } });
    await stop(machine);
    expect(snapshots().map(({ id }) => id)).not.toContain(old?.id);
  });

  test('is never put together from a snapshot after which its owner switched it on', async () => {
    const machine = await made();
    opened.core.faults.add({ call: 'DELETE /servers/{id}', fault: { kind: 'error', code: 'protected' } });
    await refusalOf(stop(machine));
    const [old] = snapshots();
    opened.core.admin.powerOn(truth(machine).id);
    await stop(machine);
    expect(snapshots()).toHaveLength(1);
    expect(snapshots()[0]?.id).not.toBe(old?.id);
  });

  test('is never put together from a snapshot after which it ran, though nobody saw it run', async () => {
    const machine = await made();
    opened.core.faults.add({ call: 'DELETE /servers/{id}', fault: { kind: 'error', code: 'protected' } });
    await refusalOf(stop(machine));
    const [old] = snapshots();
    // The agent ends as soon as the machine was switched on; the tenant uses it and shuts it down.
    const crash = new AbortController();
    const unsubscribe = opened.core.onExchange(({ call }) => {
      if (call === 'POST /servers/{id}/actions/poweron') crash.abort(new Error('the agent ended'));
    });
    const op = operation(machine.stamp, { signal: crash.signal });
    await refusalOf(played(clock, opened.provisioner.start(refOf(machine), op)));
    unsubscribe();
    await clock.advance(60_000);
    expect(truth(machine).status).toBe('running');
    opened.core.admin.powerOff(truth(machine).id);
    await stop(machine);
    expect(snapshots().map(({ id }) => id)).not.toContain(old?.id);
    expect(snapshots()).toHaveLength(1);
  });

  test('is not deleted while its snapshot is not there', async () => {
    const machine = await made();
    opened.core.faults.add({
      call: 'POST /servers/{id}/actions/create_image',
      fault: { kind: 'fail-action' },
    });
    await refusalOf(stop(machine));
    expect(truth(machine).status).toBe('off');
    await stop(machine);
    expect(snapshots()).toHaveLength(1);
  });

  test('keeps the snapshot that its new server is made from until that server runs', async () => {
    const machine = await made();
    await stop(machine);
    opened.core.faults.add({ call: 'POST /servers', fault: { kind: 'fail-action', command: 'create_server' } });
    const error = await refusalOf(start(machine));
    expect(error).toMatchObject({ kind: 'retry' });
    expect(snapshots()).toHaveLength(1);
    expect(opened.core.project.servers.size).toBe(0);
    expect(await start(machine)).toMatchObject({ externalId: machine.externalId, power: 'running' });
  });

  test('is not taken for a server that a late order made while its name was free', async () => {
    const order = sampleOrder(AGENT);
    opened.core.faults.add({ call: 'POST /servers', fault: { kind: 'delay', ms: 300_000, at: 'before' } });
    await refusalOf(played(clock, opened.provisioner.create(order, operation(order.stamp))));
    const machine = await played(clock, opened.provisioner.create(order, operation(order.stamp)));
    await stop(machine);
    await played(clock, new Promise<void>((resolve) => void clock.after(300_000, resolve)));
    const [late] = opened.core.project.servers.values();
    expect(opened.core.project.servers.size).toBe(1);
    const shown = async () => (await played(clock, opened.provisioner.list(context()))).instances;
    expect(await shown()).toMatchObject([
      { externalId: String(late?.id), power: 'running', stamp: order.stamp },
      { externalId: machine.externalId, power: 'stopped', stamp: order.stamp },
    ]);
    expect(await refusalOf(start(machine))).toMatchObject({ kind: 'retry', message: /which a late order .* made/ });
    expect(snapshots()).toHaveLength(1);
    const twin = String(late?.id) as Instance['externalId'];
    await play((op) => opened.provisioner.removeTwin(twin, refOf(machine), op), machine);
    expect(await shown()).toMatchObject([{ externalId: machine.externalId, power: 'stopped' }]);
    expect(await start(machine)).toMatchObject({ externalId: machine.externalId, ipv4: machine.ipv4 });
  });

  test('leaves nothing when its contract ends', async () => {
    const machine = await made();
    await stop(machine);
    await play((op) => opened.provisioner.destroy(refOf(machine), op), machine);
    expect([snapshots().length, opened.core.project.primaryIps.size]).toEqual([0, 0]);
    const seen = await played(clock, opened.provisioner.observe(refOf(machine), context()));
    expect(seen).toEqual({ state: 'absent' });
  });
});
