import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FaultRule } from '../../simulators/platform/faults.ts';
import { addStranger, watchForHarm } from './ground/guard.ts';
import type { Lease } from './ground/market.ts';
import { expectOrder } from './ground/order.ts';
import { type SandboxBackend, sandboxBackend } from './ground/sandbox.ts';
import { openWorld, type World } from './ground/world.ts';

type Call = Pick<FaultRule, 'route' | 'skip'>;

const LOCK: Call = { route: 'lock' };
const BEGUN: Call = { route: 'provisioning' };
const MADE: Call = { route: 'provisioning', skip: 1 };
const UNLOCK: Call = { route: 'unlock' };
const GONE: Call = { route: 'terminated' };
/** What an agent writes about one contract, in its order. */
const WRITES: readonly Call[] = [LOCK, BEGUN, MADE, UNLOCK, GONE];
/** What it writes about all, or about each again and again. */
const ROUTINE: readonly Call[] = [{ route: 'heartbeat' }, { route: 'reconcile' }, { route: 'health' }];
const DROPS = ['drop-before', 'drop-after'] as const;

/** Each contract has one answer lost, on its own call: all of them at once, in one agent. */
describe('answers that are lost, before or after the platform did what it was asked', () => {
  let world: World<SandboxBackend>;
  let harm: readonly string[];
  let stranger: string;

  beforeAll(async () => {
    world = await openWorld(sandboxBackend);
    harm = watchForHarm(world);
    stranger = addStranger(world);
  });
  afterAll(() => world?.close());

  test('every write of a life, each lost once, then a life in which all are', { timeout: 120_000 }, async () => {
    const { market, pulse } = world;
    const stall = market.stall('sandbox');
    const host = await world.host(stall, { healthSeconds: 1 });
    const lose = ({ contract }: Lease, call: Call, kind: (typeof DROPS)[number], times: number): void => {
      market.core.faults.add({ ...call, match: contract, times, fault: { kind } });
    };
    for (const kind of DROPS) {
      for (const call of WRITES) lose(market.rent(stall.offering), call, kind, 1);
      const unlucky = market.rent(stall.offering);
      // The second report has no call of its own: it is the same route, two losses later.
      for (const call of WRITES) if (call !== MADE) lose(unlucky, call, kind, 2);
      for (const call of ROUTINE) market.core.faults.add({ ...call, fault: { kind } });
    }

    host.run();
    await expectOrder(world);
    expect(market.leases.map(({ contract }) => market.row(contract).status)).toEqual(market.leases.map(() => 'active'));
    await pulse.until('a health report', () => market.core.state.health.size > 0);

    for (const { contract } of market.leases) market.core.admin.cancel(contract);
    await expectOrder(world);
    for (const { contract } of market.leases)
      await pulse.until(
        'the end',
        () => host.isClosed(contract),
        () => host.lately,
      );
    expect(market.core.faults.pending()).toBe(0);
    expect(await host.stop()).toEqual({ code: 0, signal: null });
    expect(harm).toEqual([]);
    expect(made(world)).toEqual(market.leases.map(() => 1));
    expect(world.backend.core.machines.get(stranger)?.state).toBe('running');
  });
});

/** How many machines there ever were for each contract. */
function made({ market, backend }: World<SandboxBackend>): number[] {
  return market.leases.map(({ contract }) => backend.made.get(contract)?.size ?? 0);
}
