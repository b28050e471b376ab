import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addStranger, watchForHarm } from './ground/guard.ts';
import { expectOrder } from './ground/order.ts';
import { type SandboxBackend, sandboxBackend } from './ground/sandbox.ts';
import { openWorld, type World } from './ground/world.ts';

const CONTRACTS = 200;
const LANES = 8;

describe('two agents of one pool on one backend', () => {
  let world: World<SandboxBackend>;
  let harm: readonly string[];

  beforeAll(async () => {
    world = await openWorld(sandboxBackend, 150_000);
    harm = watchForHarm(world);
    addStranger(world);
  });
  afterAll(() => world?.close());

  test('race for 200 contracts: each is made exactly once, by one of them', { timeout: 180_000 }, async () => {
    const { market, backend } = world;
    const stall = market.stall('sandbox');
    let refused = 0;
    market.core.onExchange(({ outcome }) => {
      if (outcome.route === 'lock' && outcome.response.body.includes('already locked by another agent')) refused++;
    });
    const hosts = [await world.host(stall, { lanes: LANES }), await world.host(stall, { lanes: LANES })];
    for (let n = 0; n < CONTRACTS; n++) market.rent(stall.offering);
    for (const host of hosts) host.run();

    await expectOrder(world);
    expect(market.leases.map(({ contract }) => market.row(contract).status)).toEqual(market.leases.map(() => 'active'));
    expect(market.leases.map(({ contract }) => backend.made.get(contract)?.size)).toEqual(market.leases.map(() => 1));
    const makers = new Set([...backend.core.machines.values()].map(({ labels }) => labels['dc-agent-id']));
    expect(makers).toEqual(new Set([undefined, ...hosts.map(({ agent }) => agent)]));
    // Else it was no race.
    expect(refused).toBeGreaterThan(0);
    for (const host of hosts) expect(await host.stop()).toEqual({ code: 0, signal: null });
    expect(harm).toEqual([]);
  });
});
