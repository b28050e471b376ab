import { describe, expect, it } from 'vitest';
import { World } from './world.ts';

const MINUTE = 60_000;

describe('a platform that is gone for an hour', () => {
  it('loses no machine, hears what it is owed, and is not stormed on its return', async () => {
    const world = new World({ seed: 3, latencyMs: 20 });
    world.boot(world.addHost());
    const contracts = Array.from({ length: 20 }, () => world.rent({ hours: 48 }));
    await world.run(5 * MINUTE, () => contracts.every((contract) => contract.status === 'active'));
    const usual = await requestsIn(world, 5 * MINUTE);

    const [cancelled, ...kept] = contracts;
    const late = world.rent({ hours: 48 });
    await world.run(5 * MINUTE, () => late.status === 'provisioning');
    // In the same moment, so that no cycle of the agent, whose time is drawn, can fall between the two: nobody has told it.
    world.platform.admin.cancel(cancelled?.id ?? '');
    world.platformReachable = false;
    await world.run(55 * MINUTE);
    expect(world.backend.machines()).toHaveLength(21);
    // Meanwhile the platform itself gives up what is not delivered after an hour; this one just makes it.
    world.platformReachable = true;
    const rush = await requestsIn(world, MINUTE);
    await world.run(3 * MINUTE, () => late.status === 'active');

    expect(late.status).toBe('active');
    expect(world.machinesOf(late.id)).toHaveLength(1);
    for (const contract of kept) expect(world.machinesOf(contract.id)).toHaveLength(1);
    await world.run(3 * MINUTE, () => cancelled?.terminatedAt !== undefined);
    expect(world.machinesOf(cancelled?.id ?? '')).toEqual([]);
    expect(cancelled?.terminatedAt).toBeDefined();
    // Twenty machines, an owed delivery and an owed removal: hardly more than any other minute.
    expect(rush).toBeLessThan(2 * (usual / 5) + 10);
  });
});

async function requestsIn(world: World, ms: number): Promise<number> {
  let count = 0;
  const stop = world.platform.onExchange(() => count++);
  await world.run(ms);
  stop();
  return count;
}
