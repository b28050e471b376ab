import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EXIT } from '../../src/cli/exit.ts';
import { addStranger, watchForHarm } from './ground/guard.ts';
import type { Host } from './ground/host.ts';
import type { Stall } from './ground/market.ts';
import { expectOrder } from './ground/order.ts';
import { type SandboxBackend, sandboxBackend } from './ground/sandbox.ts';
import { mountSmallDisk, type SmallDisk, whyNoSmallDisk } from './ground/small-disk.ts';
import { openWorld, type World } from './ground/world.ts';

const skipped = whyNoSmallDisk();

describe.skipIf(skipped !== undefined)(`the state directory fails${skipped ? ` (skipped: ${skipped})` : ''}`, () => {
  let disk: SmallDisk;
  let world: World<SandboxBackend>;
  let stall: Stall;
  let host: Host;
  let harm: readonly string[];

  beforeAll(async () => {
    disk = mountSmallDisk();
    world = await openWorld(sandboxBackend);
    stall = world.market.stall('sandbox');
    harm = watchForHarm(world);
    addStranger(world);
    host = await world.host(stall, { stateDir: disk.path });
  });
  afterAll(async () => {
    await world?.close();
    disk?.remove();
  });

  test('read-only at the start: the agent ends, says where, and has asked nobody for work', async () => {
    disk.remount('ro');
    const agent = host.run();
    expect(await agent.ended).toEqual({ code: EXIT.failed, signal: null });
    expect(agent.err()).toContain(disk.path);
    expect(agent.err()).toMatch(/EROFS|read-only/);
    expect(world.market.requests).toEqual([]);
    disk.remount('rw');
  });

  test('full: no step is taken until there is room again, and then everything goes on', async () => {
    const { market, backend, pulse } = world;
    const first = market.rent(stall.offering);
    host.run();
    await expectOrder(world);

    disk.fillUp();
    for (let n = 0; n < ENOUGH_TO_FILL_A_PAGE; n++) market.rent(stall.offering);
    await pulse.until('the word to the operator', saysUnwritable, () => host.lately);
    const late = market.rent(stall.offering);
    market.core.admin.cancel(first.contract);
    await reconciledTwice();
    expect(market.requests.filter(({ path }) => path.includes(late.contract))).toEqual([]);
    expect(own(first.contract)).toHaveLength(1);

    disk.free();
    await expectOrder(world);
    expect(market.leases.map(({ contract }) => market.row(contract).status)).toEqual([
      'cancelled',
      ...market.leases.slice(1).map(() => 'active'),
    ]);
    expect(market.leases.map(({ contract }) => backend.made.get(contract)?.size)).toEqual(market.leases.map(() => 1));
    expect(harm).toEqual([]);
  });

  test('full at the end: a signal still ends the agent, and the next one goes on', { timeout: 120_000 }, async () => {
    const { market, pulse } = world;
    disk.fillUp();
    for (let n = 0; n < ENOUGH_TO_FILL_A_PAGE; n++) market.rent(stall.offering);
    await pulse.until('the word to the operator', saysUnwritable, () => host.lately);
    expect(await host.stop()).toEqual({ code: EXIT.ok, signal: null });

    disk.free();
    host.run();
    await expectOrder(world);
    expect(market.leases.slice(1).map(({ contract }) => market.row(contract).status)).not.toContain('accepted');
    expect(await host.stop()).toEqual({ code: EXIT.ok, signal: null });
    expect(harm).toEqual([]);
  });

  async function saysUnwritable(): Promise<boolean> {
    const { out } = await host.dc('status', '--json');
    return JSON.parse(out).findings.some(({ code }: { code: string }) => code === 'ledger.unwritable');
  }

  /** The agent has heard of everything that the platform knew when this was called. */
  async function reconciledTwice(): Promise<void> {
    const count = (): number => world.market.requests.filter(({ route }) => route === 'reconcile').length;
    const before = count();
    await world.pulse.until(
      'two more cycles',
      () => count() >= before + 2,
      () => host.lately,
    );
  }

  function own(contract: string): string[] {
    const machines = [...world.backend.core.machines.values()];
    return machines.filter(({ labels }) => labels['dc-contract-id'] === contract).map(({ uid }) => uid);
  }
});

/** The last page of a file on a full disk still has room for a few entries. */
const ENOUGH_TO_FILL_A_PAGE = 3;
