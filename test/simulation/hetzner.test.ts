import { describe, expect, it } from 'vitest';
import { hetznerBackend } from './hetzner-backend.ts';
import { tell } from './story.ts';
import { play } from './tell.ts';
import { callOf, World } from './world.ts';

// A few stories; `npm run sim -- --backend hetzner` tells as many as you like.
describe('stories on a Hetzner project', () => {
  it.each([
    ['hetzner', 3],
    // A platform that was restored has a pool mate make what is there already.
    ['hetzner-snapshot', 59],
  ] as const)('on %s, seed %i breaks no rule', async (backend, seed) => {
    expect((await play(tell(seed), { backend })).violations).toEqual([]);
  });
});

it('an offering that the target does not list is left alone: neither locked, nor announced, nor failed', async () => {
  const world = new World({ seed: 1, backend: hetznerBackend('poweroff') });
  const { admin } = world.platform;
  const unlisted = admin.offering(world.provider, {
    provisioner_type: 'hcloud',
    agent_pool_id: world.offering.agent_pool_id,
  });
  const asked: string[] = [];
  world.platform.onExchange(({ request }) => {
    if (callOf(request.method, request.path) !== undefined) asked.push(request.path);
  });
  world.boot(world.addHost());
  const [foreign, ours] = [world.rent({ offering: unlisted }), world.rent()];
  await world.run(5 * 60_000);
  expect(world.platform.contracts.get(ours.id)?.status).toBe('active');
  expect(asked.filter((path) => path.includes(foreign.id))).toEqual([]);
  expect(world.machinesOf(foreign.id)).toEqual([]);
});

it('a machine that cannot be deleted for hours is not forgotten, whoever restarts meanwhile', async () => {
  const settings = { workIntervalMs: 300_000, reconcileIntervalMs: 600_000 };
  const world = new World({ seed: 2, backend: hetznerBackend('poweroff'), settings });
  const host = world.addHost();
  world.boot(host);
  const contract = world.rent();
  await world.run(3_600_000, () => world.platform.contracts.get(contract.id)?.status === 'active');
  expect(world.machinesOf(contract.id)).toHaveLength(1);
  world.backend.addTrouble('delete', { kind: 'status', status: 500 }, 0, Number.POSITIVE_INFINITY);
  world.platform.admin.cancel(contract.id);
  for (let hour = 0; hour < 4; hour++) {
    await world.run(3_600_000);
    host.process?.kill();
    expect(world.machinesOf(contract.id)).toHaveLength(1);
  }
  world.backend.clearTroubles();
  await world.run(2 * 3_600_000, () => world.machinesOf(contract.id).length === 0);
  expect(world.machinesOf(contract.id)).toEqual([]);
});
