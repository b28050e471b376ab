import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newGuest } from '../../simulators/proxmox/qemu/guests.ts';
import { context, freshOperation } from '../../src/provisioner/conformance/operations.ts';
import { operation } from '../../src/provisioner/conformance.ts';
import type { ContractId } from '../../src/provisioner/index.ts';
import { VirtualTime } from '../../test/simulation/virtual-time.ts';
import { AGENT, openStage, type Stage } from './fixtures.ts';
import { describeMachine } from './stamp.ts';

let stage: Stage;
let time: VirtualTime;

beforeEach(() => {
  time = new VirtualTime();
});
afterEach(() => stage.close());

/** Lets time pass until it is done. */
async function done<T>(work: Promise<T>): Promise<T> {
  let ended = false;
  work.then(
    () => (ended = true),
    () => (ended = true),
  );
  await time.advance(600_000, () => ended);
  return work;
}

function addMachines(count: number): void {
  for (let index = 0; index < count; index++) {
    const vmid = 300_000 + index;
    const contract = index.toString(16).padStart(64, '0') as ContractId;
    const name = `dc-${index}`;
    const description = describeMachine({
      agent: AGENT,
      contract,
      operation: freshOperation(),
      vmid,
      name,
      stage: 'configured',
    });
    const config = new Map(Object.entries({ name, description, memory: '512', cores: '1', tags: 'dc-agent' }));
    newGuest(stage.core.pve, { vmid, node: 'pve', config }).pool = stage.pool;
  }
}

async function callsOf(act: () => Promise<unknown>): Promise<readonly string[]> {
  const before = stage.core.calls.length;
  await done(act());
  return stage.core.calls.slice(before);
}

describe('the number of calls', () => {
  it('is at most three for a cycle with 200 machines, list and inventory together, once they are known', async () => {
    stage = openStage({ clock: time });
    addMachines(200);
    await time.advance(3_000);
    // As the agent does it: at the same time.
    const cycle = () => Promise.all([stage.provisioner.list(context()), stage.provisioner.inventory(context())]);
    const [first] = await done(cycle());
    expect(first.complete).toBe(true);
    expect(first.instances).toHaveLength(200);
    for (let round = 0; round < 3; round++) {
      // A minute later one more is read again, so that changes of stamps come to light in time.
      await time.advance(60_000);
      expect((await callsOf(cycle)).length).toBeLessThanOrEqual(3);
    }
    expect(await callsOf(() => stage.provisioner.traffic(context()))).toHaveLength(1);
  });

  it('for one machine, polling aside, is what its steps need', async () => {
    stage = openStage({
      clock: time,
      timings: { linkedCloneMs: 0, startMs: 0, agentMs: 0, addressMs: 0, resizeMs: 0, statdMs: 0 },
    });
    const order = stage.order();
    const calls = await callsOf(() => stage.provisioner.create(order, operation(order.stamp)));
    const kinds = calls.filter((call) => !call.includes('/tasks/')).map((call) => call.replace(/\d{4,}/g, 'ID'));
    expect(kinds.filter((call) => !call.startsWith('GET'))).toEqual([
      'POST /nodes/pve/qemu/ID/clone',
      'PUT /nodes/pve/qemu/ID/config',
      'PUT /nodes/pve/qemu/ID/resize',
      'PUT /nodes/pve/qemu/ID/firewall/options',
      'POST /nodes/pve/qemu/ID/status/start',
    ]);
    expect(kinds.length).toBeLessThanOrEqual(26);
  });

  it('to guest agents is none before a machine has sent something, however many boot', async () => {
    stage = openStage({ clock: time, timings: { agentMs: 8_000, addressMs: 10_000 } });
    const machines = Array.from({ length: 6 }, () => stage.order());
    const calls = await callsOf(() =>
      Promise.all(machines.map((order) => stage.provisioner.create(order, operation(order.stamp)))),
    );
    const asked = calls.filter((call) => call.includes('/agent/')).length;
    const looked = calls.filter((call) => call === 'GET /nodes/pve/qemu').length;
    // After 9 s they send, after 10 s they have an address; one look at the node in 400 ms serves all.
    expect(asked).toBeGreaterThanOrEqual(6);
    expect(asked).toBeLessThanOrEqual(6 * 6);
    expect(looked).toBeLessThanOrEqual(40);
  });

  it('for a change of a stamp is one, and the change is seen in time', async () => {
    stage = openStage({ clock: time });
    addMachines(3);
    expect((await done(stage.provisioner.list(context()))).instances).toHaveLength(3);
    stage.core.cluster.guests.get(300_001)?.config.set('description', 'mine now');
    for (let round = 0; round < 4; round++) {
      await time.advance(61_000);
      await done(stage.provisioner.list(context()));
    }
    expect((await done(stage.provisioner.list(context()))).instances).toHaveLength(2);
  });
});
