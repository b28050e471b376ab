import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addStranger, watchForHarm } from './ground/guard.ts';
import type { Host } from './ground/host.ts';
import type { Lease, Stall } from './ground/market.ts';
import { expectOrder } from './ground/order.ts';
import { type SandboxBackend, sandboxBackend } from './ground/sandbox.ts';
import { openWorld, type World } from './ground/world.ts';

const STEADY = 6;
/** So many failed attempts in a row of the work list take some twenty seconds, by which the other loops have failed as well. */
const LONG_ENOUGH = 5;

/** What is to be said after it, once each: one machine is ready, with its lock of no more use, and one is gone. */
const OWED: ReadonlySet<string> = new Set(['provisioning', 'unlock', 'terminated']);
/** Heartbeat, work list, reconcile, health: each has one request under way at most. */
const LOOPS = 4;

describe('the platform is gone for a while', () => {
  let world: World<SandboxBackend>;
  let stall: Stall;
  let host: Host;
  let harm: readonly string[];

  beforeAll(async () => {
    world = await openWorld(sandboxBackend);
    stall = world.market.stall('sandbox');
    harm = watchForHarm(world);
    addStranger(world);
    host = await world.host(stall);
    host.run();
  });
  afterAll(() => world?.close());

  test('machines stay, what is owed arrives afterwards, and nobody storms the door', { timeout: 120_000 }, async () => {
    const { market, backend, pulse } = world;
    const steady = Array.from({ length: STEADY }, () => market.rent(stall.offering));
    await expectOrder(world);

    const finish = holdUp();
    const midway = market.rent(stall.offering);
    await pulse.until(
      'a machine in the making',
      () => backend.made.has(midway.contract),
      () => host.lately,
    );
    const machines = [...backend.core.machines.keys()];
    await market.shut();
    finish();
    const [ended, ...kept] = steady as [Lease, ...Lease[]];
    market.core.admin.cancel(ended.contract);
    await pulse.until(
      'a long outage',
      () => failures('work-list') >= LONG_ENOUGH,
      () => host.lately,
    );
    expect([...backend.core.machines.keys()]).toEqual(machines);
    expect(market.row(midway.contract).status).toBe('provisioning');

    const before = market.requests.length;
    await market.open();
    await expectOrder(world);
    expect(market.row(midway.contract).status).toBe('active');
    expect(kept.map(({ contract }) => market.row(contract).status)).toEqual(kept.map(() => 'active'));
    const asked = market.requests.slice(before);
    const owed = asked.filter(({ route }) => OWED.has(String(route)));
    expect(owed.map(({ route, path }) => `${route} ${path}`)).toHaveLength(OWED.size);
    expect(busiestSecond(asked.map(({ at }) => at))).toBeLessThanOrEqual(OWED.size + 2 * LOOPS);
    expect(harm).toEqual([]);
    expect(await host.stop()).toEqual({ code: 0, signal: null });
  });

  /** From now on no new machine seems to get ready, until the returned function is called. */
  function holdUp(): () => void {
    const { faults } = world.backend.core;
    return faults.add({ call: 'start', times: Number.MAX_SAFE_INTEGER, fault: { kind: 'ignore' } });
  }

  /** How often a loop has failed in a row, by its own log. */
  function failures(loop: string): number {
    const lines = host.said.split('\n').filter((line) => line.includes(`"loop":"${loop}"`));
    return Math.max(0, ...lines.map((line) => Number(JSON.parse(line).failures)));
  }
});

function busiestSecond(times: readonly number[]): number {
  return Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + 1000).length));
}
