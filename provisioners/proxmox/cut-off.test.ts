import { afterEach, describe, expect, it } from 'vitest';
import { again, context } from '../../src/provisioner/conformance/operations.ts';
import { operation } from '../../src/provisioner/conformance.ts';
import { openStage, type Stage } from './fixtures.ts';

let stage: Stage;

afterEach(() => stage.close());

/** The host loses power in the middle of a clone, and comes back. Resolves with what the process that asked had remembered. */
async function halfMade() {
  const order = stage.order();
  const op = operation(order.stamp);
  // Its process dies too: it was on that host.
  const asked = new Promise<void>((resolve) => {
    stage.wire.fate = (_n, { path }) => {
      if (!path.includes('/tasks/')) return undefined;
      resolve();
      return 'dead';
    };
  });
  void stage.provisioner.create(order, op).catch(() => {});
  await asked;
  await expect.poll(() => stage.machinesOf(order.stamp).length).toBe(1);
  const [half] = stage.machinesOf(order.stamp);
  if (half === undefined) throw new Error('the clone had not begun');
  await stage.core.admin.reboot('pve', 1_000);
  expect(half.lock).toBe('clone');
  expect(half.pool).toBeUndefined();
  return { order, op, half };
}

describe.each(['9.1', '8.4'] as const)('on %s, a clone that was cut off by its host’s end', (personality) => {
  it('costs its VMID, not the contract, and doctor says what to do about it', async () => {
    stage = openStage({ personality, timings: { linkedCloneMs: 20_000 } });
    const { order, op, half } = await halfMade();
    const next = stage.open();
    const { externalId } = await next.create(order, again(op));
    expect(Number(externalId)).not.toBe(half.vmid);
    expect(stage.core.cluster.guests.get(Number(externalId))?.status).toBe('running');
    const finding = (await next.check(context())).find(({ code }) => code === 'proxmox.clone.cut-off');
    expect(finding?.remedy).toContain(`qm unlock ${half.vmid} && qm destroy ${half.vmid}`);
    await next.destroy({ stamp: order.stamp, externalId, handles: op.handles }, operation(order.stamp));
    // The administrator does as he is told.
    stage.core.cluster.guests.delete(half.vmid);
    expect((await next.check(context())).some(({ code }) => code === 'proxmox.clone.cut-off')).toBe(false);
  });

  it('is not called removed, and says who can remove it', async () => {
    stage = openStage({ personality, timings: { linkedCloneMs: 20_000 } });
    const { order, op, half } = await halfMade();
    const remove = () => stage.open().destroy({ stamp: order.stamp, handles: op.handles }, operation(order.stamp));
    await expect(remove()).rejects.toMatchObject({
      kind: 'retry',
      message: expect.stringContaining(`qm unlock ${half.vmid} && qm destroy ${half.vmid}`),
    });
    stage.core.cluster.guests.delete(half.vmid);
    await remove();
  });
});
