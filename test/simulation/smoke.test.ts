import { describe, expect, it } from 'vitest';
import { World } from './world.ts';

describe('one agent in a world without trouble', () => {
  it('turns a contract into one machine, hands it over, and removes it when it is cancelled', async () => {
    const world = new World({ seed: 1 });
    world.boot(world.addHost());
    await world.run(1_000);
    const contract = world.rent();
    await world.run(60_000, () => contract.status === 'active');
    expect(contract.status).toBe('active');
    expect(world.machinesOf(contract.id)).toHaveLength(1);
    await world.run(60_000);
    expect(world.platform.locks.size).toBe(0);
    world.platform.admin.cancel(contract.id);
    await world.run(120_000);
    expect(world.machinesOf(contract.id)).toEqual([]);
    expect(contract.terminatedAt).toBeDefined();
  });
});
