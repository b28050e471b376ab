import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EXIT } from '../../src/cli/exit.ts';
import { addStranger, watchForHarm } from './ground/guard.ts';
import type { Host } from './ground/host.ts';
import type { Stall } from './ground/market.ts';
import { expectOrder } from './ground/order.ts';
import { type SandboxBackend, sandboxBackend } from './ground/sandbox.ts';
import { openWorld, type World } from './ground/world.ts';

const HOURS = 3_600_000;
/** What runs when the clocks come apart. */
const RENTED = ['active', 'active', 'active'];

describe.each([
  ['behind', -2 * HOURS],
  ['ahead', 2 * HOURS],
])('a host whose clock is hours %s', (_side, hostAheadMs) => {
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
    for (const _ of RENTED) world.market.rent(stall.offering);
    await expectOrder(world);
    world.market.clock.advance(-hostAheadMs);
  });
  afterAll(() => world?.close());

  test('while every request is refused for it: status and doctor name the clock, and machines stay', async () => {
    const { market, backend, pulse } = world;
    const before = [...backend.core.machines.keys()];
    const late = market.rent(stall.offering);
    await pulse.until('the status to name it', async () => (await status()).platform.state === 'clock-skew');
    expect(Math.round((await status()).platform.clockSkewMs / HOURS)).toBe(hostAheadMs / HOURS);

    const doctor = await host.dc('doctor', '--json');
    expect(doctor.code).not.toBe(EXIT.ok);
    expect(codes(doctor.out)).toContain('platform.clock.wrong');
    expect(market.row(late.contract).status).toBe('accepted');
    expect([...backend.core.machines.keys()]).toEqual(before);
  });

  test('while the platform tolerates it: nothing is begun or ended on the word of a clock that may be wrong', async () => {
    const { market, backend, pulse } = world;
    const before = [...backend.core.machines.keys()];
    market.core.settings.skewMs = 24 * HOURS;
    // Not over yet; a host that is ahead would have it so.
    for (const { contract } of market.leases) endIn(contract, HOURS / 2);
    const count = (route: string): number => market.requests.filter((one) => one.route === route).length;
    const [lists, cycles] = [count('pending-provision'), count('reconcile')];
    const heardTwice = (): boolean => count('pending-provision') >= lists + 2 && count('reconcile') >= cycles + 2;
    await pulse.until('two work lists and two cycles', heardTwice, () => host.lately);
    await pulse.until('the platform to be heard again', async () => (await status()).platform.state === 'ok');
    expect(market.leases.map(({ contract }) => market.row(contract).status)).toEqual([...RENTED, 'accepted']);
    expect([...backend.core.machines.keys()]).toEqual(before);
  });

  test('once they agree again, what waited is taken up', async () => {
    const { market } = world;
    market.clock.advance(hostAheadMs);
    for (const { contract } of market.leases) endIn(contract, 24 * HOURS);
    await expectOrder(world);
    expect(market.leases.map(({ contract }) => market.row(contract).status)).toEqual([...RENTED, 'active']);
    expect(harm).toEqual([]);
    expect(await host.stop()).toEqual({ code: EXIT.ok, signal: null });
  });

  function endIn(contract: string, ms: number): void {
    world.market.core.admin.setEnd(contract, world.market.clock.now() + ms);
  }

  async function status() {
    return JSON.parse((await host.dc('status', '--json')).out);
  }
});

function codes(report: string): string[] {
  const { sections } = JSON.parse(report);
  return sections.flatMap(({ findings }: { findings: { code: string }[] }) => findings.map(({ code }) => code));
}
