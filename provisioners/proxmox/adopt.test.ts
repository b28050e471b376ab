import { afterEach, describe, expect, it } from 'vitest';
import { newGuest } from '../../simulators/proxmox/qemu/guests.ts';
import { context, freshOperation } from '../../src/provisioner/conformance/operations.ts';
import { operation } from '../../src/provisioner/conformance.ts';
import type { ContractId } from '../../src/provisioner/index.ts';
import { adoptMachine, findReferenceMachines, referenceVmid } from './adopt.ts';
import { openStage, QUICK, type Stage } from './fixtures.ts';

let stage: Stage;

afterEach(() => stage.close());

const CONTRACT = 'ab'.repeat(32) as ContractId;
const OTHER = 'cd'.repeat(32) as ContractId;

function addMachine(vmid: number, name: string, more: Record<string, string> = {}) {
  const config = new Map(Object.entries({ name, memory: '512', cores: '1', ...more }));
  const guest = newGuest(stage.core.pve, { vmid, node: 'pve', config });
  guest.pool = stage.pool;
  return guest;
}

describe('machines of the reference agent', () => {
  it('have the VMID that it would have chosen', () => {
    stage = openStage();
    // FNV-1a 64 as published: the hash of "a" is 0xaf63dc4c8601ec8c.
    expect(referenceVmid('a' as ContractId)).toBe(10_000 + Number(0xaf63dc4c8601ec8cn % 990_000n));
    expect(referenceVmid(CONTRACT)).toBeGreaterThanOrEqual(10_000);
    expect(referenceVmid(CONTRACT)).toBeLessThan(1_000_000);
  });

  it('are found by name and VMID together, and nothing else is', async () => {
    stage = openStage({ timings: { ...QUICK, statdMs: 0 } });
    addMachine(referenceVmid(CONTRACT), `dc-${CONTRACT}`);
    addMachine(123, `dc-${OTHER}`);
    addMachine(referenceVmid(OTHER), 'mine');
    expect(await findReferenceMachines(stage.backend(), context())).toMatchObject([
      { vmid: referenceVmid(CONTRACT), contract: CONTRACT, node: 'pve' },
    ]);
  });

  it('are stamped only when asked, keep their notes, and are ours from then on', async () => {
    stage = openStage({ timings: { ...QUICK, statdMs: 0 } });
    const vmid = referenceVmid(CONTRACT);
    const guest = addMachine(vmid, `dc-${CONTRACT}`, { description: 'since 2025' });
    const backend = stage.backend();
    const adoption = { vmid, contract: CONTRACT, operation: freshOperation() };
    const plan = await adoptMachine(backend, adoption, 'dry-run', context());
    expect(plan).toMatchObject({ before: 'since 2025', after: expect.stringContaining('since 2025\n') });
    expect(guest.config.get('description')).toBe('since 2025');
    expect((await stage.provisioner.list(context())).instances).toEqual([]);
    await adoptMachine(backend, adoption, 'stamp', context());
    const again = await adoptMachine(backend, adoption, 'stamp', context());
    expect(again.after).toBe(again.before);
    const other = { ...adoption, operation: freshOperation() };
    await expect(adoptMachine(backend, other, 'stamp', context())).rejects.toMatchObject({ kind: 'not-ours' });
    const stamp = { agent: backend.agent, contract: CONTRACT, operation: adoption.operation };
    const { instances } = await stage.open().list(context());
    expect(instances).toMatchObject([{ externalId: String(vmid), stamp }]);
    await stage.provisioner.destroy({ stamp, handles: {} }, operation(stamp));
    expect(stage.core.cluster.guests.has(vmid)).toBe(false);
  });

  it('are refused when anything does not fit', async () => {
    stage = openStage({ timings: { ...QUICK, statdMs: 0 } });
    const backend = stage.backend();
    addMachine(123, `dc-${CONTRACT}`);
    addMachine(referenceVmid(OTHER), 'mine');
    const made = stage.order();
    const { externalId } = await stage.provisioner.create(made, operation(made.stamp));
    for (const [vmid, contract] of [
      [123, CONTRACT],
      [referenceVmid(OTHER), OTHER],
      [Number(externalId), made.stamp.contract],
      [9000, CONTRACT],
      [555, CONTRACT],
    ] as const) {
      const adoption = { vmid, contract, operation: freshOperation() };
      await expect(adoptMachine(backend, adoption, 'stamp', context()), String(vmid)).rejects.toMatchObject({
        kind: 'not-ours',
      });
    }
  });
});
