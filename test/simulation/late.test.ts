import { describe, expect, it } from 'vitest';
import { World } from './world.ts';

const MINUTE = 60_000;

describe('a request for a machine that arrives after its contract was handed back and taken again', () => {
  it('leaves one machine, and it is the one that the tenant was told of', async () => {
    const world = new World({ seed: 1 });
    world.boot(world.addHost());
    await world.run(1_000);
    const { backend } = world;
    const stamps = new Set<string>();
    backend.onChange((machine) => void stamps.add(machine.id));
    backend.addTrouble('create', { kind: 'delay', ms: 15 * MINUTE, at: 'before' }, 0, 1);
    backend.addTrouble('create', { kind: 'no-capacity' }, 0, 1);
    const contract = world.rent();
    await world.run(12 * MINUTE, () => contract.status === 'active');
    expect(contract.status).toBe('active');
    expect(stamps.size).toBe(1);
    await world.run(16 * MINUTE, () => stamps.size === 2);
    expect(world.machinesOf(contract.id)).toHaveLength(2);
    await world.run(3 * MINUTE, () => world.machinesOf(contract.id).length < 2);
    const told = JSON.parse(contract.details ?? '{}').external_id;
    expect(world.machinesOf(contract.id)).toEqual([told]);
    expect(world.isAnswering(world.machine(told))).toBe(true);
  });
});
