import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addStranger, watchForHarm } from './ground/guard.ts';
import type { Stall } from './ground/market.ts';
import { expectOrder } from './ground/order.ts';
import { type SandboxBackend, sandboxBackend } from './ground/sandbox.ts';
import { openWorld, type World } from './ground/world.ts';

const LANES = 4;
const BURST = 20;
/** The platform's wish; the agent does not go below. */
const BEAT_SECONDS = 15;

describe('more contracts than lanes', () => {
  let world: World<SandboxBackend>;
  let stall: Stall;
  let harm: readonly string[];
  let stranger: string;

  beforeAll(async () => {
    world = await openWorld(sandboxBackend);
    world.market.core.settings.nextHeartbeatSeconds = BEAT_SECONDS;
    stall = world.market.stall('sandbox');
    harm = watchForHarm(world);
    stranger = addStranger(world);
  });
  afterAll(() => world?.close());

  test('four at a time are made, the heart beats on meanwhile, and in the end each has its machine', async () => {
    const { market, backend, pulse } = world;
    const host = await world.host(stall, { lanes: LANES });
    const release = holdUp();
    for (let n = 0; n < BURST; n++) market.rent(stall.offering);
    host.run();

    await pulse.until(
      'every lane busy',
      () => ours() === LANES,
      () => host.lately,
    );
    const before = beats();
    await pulse.until(
      'another heartbeat',
      () => beats() > before,
      () => host.lately,
    );
    expect(ours()).toBe(LANES);

    release();
    await expectOrder(world);
    expect(statuses()).toEqual(Array.from({ length: BURST }, () => 'active'));
    expect(backend.mostInTheMaking()).toBe(LANES);
    expect(await host.stop()).toEqual({ code: 0, signal: null });
  });

  test('a signal in the middle of it parks the work, and the next start goes on with it', async () => {
    const { market, backend, pulse } = world;
    const [host] = world.hosts;
    if (host === undefined) throw new Error('the test before this one makes the host');
    const release = holdUp();
    const done = market.leases.length;
    for (let n = 0; n < BURST; n++) market.rent(stall.offering);
    host.run();
    await pulse.until(
      'every lane busy',
      () => ours() === done + LANES,
      () => host.lately,
    );

    const before = machines();
    expect(await host.stop()).toEqual({ code: 0, signal: null });
    expect(machines()).toEqual(before);

    release();
    host.run();
    await expectOrder(world);
    expect(machines()).toEqual(expect.arrayContaining(before));
    expect(market.leases.map(({ contract }) => backend.made.get(contract)?.size)).toEqual(market.leases.map(() => 1));
    expect(await host.stop()).toEqual({ code: 0, signal: null });
    expect(harm).toEqual([]);
    expect(backend.core.machines.get(stranger)?.state).toBe('running');
  });

  /** From now on no machine ever seems to be made, until the returned function is called. */
  function holdUp(): () => void {
    const { faults } = world.backend.core;
    const seemsUnmade = { times: Number.MAX_SAFE_INTEGER, fault: { kind: 'flap', state: 'creating' } } as const;
    const undo = (['get', 'list'] as const).map((call) => faults.add({ ...seemsUnmade, call }));
    return () => {
      for (const disarm of undo) disarm();
    };
  }

  function machines(): string[] {
    return [...world.backend.core.machines.values()].map(({ uid }) => uid).sort();
  }

  function ours(): number {
    return world.backend.core.machines.size - 1;
  }

  function beats(): number {
    return world.market.requests.filter(({ route }) => route === 'heartbeat').length;
  }

  function statuses(): string[] {
    return world.market.leases.map(({ contract }) => world.market.row(contract).status);
  }
});
