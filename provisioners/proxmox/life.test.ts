import { afterEach, describe, expect, it } from 'vitest';
import { context } from '../../src/provisioner/conformance/operations.ts';
import { operation } from '../../src/provisioner/conformance.ts';
import type { Instance, OwnedRef } from '../../src/provisioner/index.ts';
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

const callsTo = (end: string) => stage.core.calls.filter((call) => call.endsWith(end)).length;

describe('switching off', () => {
  it('asks the machine first', async () => {
    stage = openStage();
    const { ref } = await make();
    await stage.provisioner.stop(ref, operation(ref.stamp));
    expect([callsTo('/status/shutdown'), callsTo('/status/stop')]).toEqual([1, 0]);
  });

  it('cuts the power of one that does not heed it', async () => {
    stage = openStage({ settings: { stop_grace_seconds: 2 } });
    const { instance, ref } = await make();
    Object.assign(guestOf(instance.externalId).guest, { acpi: false, agent: false });
    await stage.provisioner.stop(ref, operation(ref.stamp));
    expect(guestOf(instance.externalId).status).toBe('stopped');
    expect([callsTo('/status/shutdown'), callsTo('/status/stop')]).toEqual([1, 1]);
  });

  it.each(['shutdown', 'start'] as const)('and on goes through a lost answer to %s', async (verb) => {
    for (const kind of ['drop-before', 'drop-after'] as const) {
      stage = openStage();
      const { instance, ref } = await make();
      stage.core.faults.add({ method: 'POST', path: `/nodes/*/qemu/*/status/${verb}`, fault: { kind } });
      await stage.provisioner.stop(ref, operation(ref.stamp));
      const started = await stage.provisioner.start(ref, operation(ref.stamp));
      expect(started).toMatchObject({ power: 'running', ssh: instance.ssh });
      if (kind === 'drop-before') await stage.close();
    }
  });

  it('goes through a worker that dies', async () => {
    stage = openStage();
    const { ref } = await make();
    stage.core.faults.add({ task: 'qmshutdown', fault: { kind: 'dead-worker' } });
    await stage.provisioner.stop(ref, operation(ref.stamp));
    stage.core.faults.add({ task: 'qmstart', fault: { kind: 'dead-at-end' } });
    expect((await stage.provisioner.start(ref, operation(ref.stamp))).power).toBe('running');
  });
});

describe('what is seen of a machine', () => {
  it('is its state as the host has it now, not as the lists show it', async () => {
    stage = openStage();
    const { ref } = await make();
    await stage.provisioner.stop(ref, operation(ref.stamp));
    expect(await stage.open().observe(ref, context())).toMatchObject({
      state: 'present',
      instance: { power: 'stopped' },
    });
    const [listed] = (await stage.provisioner.list(context())).instances;
    expect(listed?.power).toBe('stopped');
  });

  it('is its address, also by a process that did not make it', async () => {
    stage = openStage();
    const { instance, ref } = await make();
    const fresh = stage.open();
    expect((await fresh.list(context())).instances[0]?.ssh).toBeUndefined();
    expect(await fresh.observe(ref, context())).toMatchObject({ instance: { ssh: instance.ssh } });
    expect((await fresh.list(context())).instances[0]?.ssh).toEqual(instance.ssh);
  });

  it('is that its agent fell silent, once it has answered and has had time to boot', async () => {
    stage = openStage();
    const { instance, ref } = await make();
    stage.core.admin.silenceAgent(Number(instance.externalId));
    const seen = await stage.provisioner.observe(ref, context());
    expect(seen).not.toHaveProperty('unhealthy');
    expect(seen).toMatchObject({ instance: { ssh: instance.ssh } });
    const guest = guestOf(instance.externalId);
    guest.startedAt = stage.clock.now() - 400_000;
    expect(await stage.provisioner.observe(ref, context())).toMatchObject({ unhealthy: /guest agent/ });
    expect(await stage.open().observe(ref, context())).not.toHaveProperty('unhealthy');
  });
});

describe('traffic', () => {
  it('is counted both ways, and what a machine had counted when it was switched off is told once', async () => {
    stage = openStage();
    const { instance, ref } = await make();
    const { contract } = ref.stamp;
    guestOf(instance.externalId).traffic = { in: 5_000_000_000, out: 7_000_000 };
    await stage.provisioner.stop(ref, operation(ref.stamp));
    const [last, ...more] = await stage.provisioner.traffic(context());
    expect(more).toEqual([]);
    expect(last?.contract).toBe(contract);
    expect(last?.bytesIn).toBeGreaterThanOrEqual(5_000_000_000);
    expect(last?.bytesOut).toBeGreaterThanOrEqual(7_000_000);
    expect(last?.bytesOut).toBeLessThan(5_000_000_000);
    expect(await stage.provisioner.traffic(context())).toEqual([]);
  });

  it('of two runs is told for each, however seldom somebody asks', async () => {
    stage = openStage();
    const { instance, ref } = await make();
    const guest = guestOf(instance.externalId);
    guest.traffic = { in: 5_000_000, out: 4_000_000 };
    await stage.provisioner.stop(ref, operation(ref.stamp));
    await stage.provisioner.start(ref, operation(ref.stamp));
    const samples = await stage.provisioner.traffic(context());
    expect(samples).toHaveLength(2);
    expect(samples[0]?.bytesIn).toBeGreaterThanOrEqual(5_000_000);
    expect(samples[1]?.bytesIn).toBeLessThan(5_000_000);
    await stage.provisioner.stop(ref, operation(ref.stamp));
    expect(await stage.provisioner.traffic(context())).toHaveLength(1);
  });

  it('of a machine that is removed is told too', async () => {
    stage = openStage();
    const { instance, ref } = await make();
    guestOf(instance.externalId).traffic = { in: 9_000, out: 8_000 };
    await stage.provisioner.destroy(ref, operation(ref.stamp));
    expect(await stage.provisioner.traffic(context())).toMatchObject([{ contract: ref.stamp.contract }]);
    expect(await stage.provisioner.traffic(context())).toEqual([]);
  });
});
