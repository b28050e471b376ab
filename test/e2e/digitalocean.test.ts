import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { machineName } from '../../src/ports/ids.ts';
import { type DigitalOceanBackend, digitalOceanBackend } from './ground/digitalocean.ts';
import { expectWholeLife } from './ground/life.ts';
import { login } from './ground/login.ts';
import { expectOrder } from './ground/order.ts';
import { whyNoDoors } from './ground/proxmox.ts';
import { openWorld, type World } from './ground/world.ts';

/** Entries of a life's ledger, from the first to the last of them. */
const ENTRIES = [1, 4, 7, 11];

// Where CI runs, nothing may be missing.
const noDoors = process.env['CI'] === 'true' ? undefined : await whyNoDoors();
const skipped = noDoors === undefined ? '' : ` (skipped: ${noDoors})`;

describe.skipIf(noDoors !== undefined)(`an agent on DigitalOcean${skipped}`, () => {
  let world: World<DigitalOceanBackend>;
  let stranger: number;

  beforeAll(async () => {
    world = await openWorld(digitalOceanBackend);
    stranger = world.backend.dev.core.admin.addForeign({ name: 'dc-01' });
  });
  afterAll(() => world?.close());

  async function newcomer() {
    const stall = world.market.stall('digitalocean');
    return { host: await world.host(stall), lease: world.market.rent(stall.offering) };
  }

  function doorOf(contract: string) {
    const door = world.market.details(contract);
    if (door === undefined) throw new Error('handed over without details');
    return door;
  }

  test('a machine is delivered though the answer to its order was lost, paused, resumed at the same address, and removed', async () => {
    const { market, backend, pulse } = world;
    const { account, faults, calls } = backend.dev.core;
    faults.add({ call: 'POST /droplets', fault: { kind: 'drop-after' } });
    const { host, lease } = await newcomer();
    host.run();
    await expectOrder(world, [lease]);
    expect(calls.get('POST /droplets')).toBe(1);
    const door = doorOf(lease.contract);
    const told = market.row(lease.contract).details;
    const status = () => account.droplets.get(Number(door.externalId))?.status;

    market.core.admin.pause(lease.contract);
    const lately = () => host.lately;
    await pulse.until('the droplet off', () => status() === 'off', lately);
    await expect(login(door, lease.privateKey, 'true')).rejects.toThrow();

    market.core.admin.resume(lease.contract);
    const name = `${machineName(lease.contract)}\n`;
    const enters = () =>
      login(door, lease.privateKey, 'uname -n').then(
        (said) => said === name,
        () => false,
      );
    await pulse.until('a login that is accepted again', enters, lately);
    await expectOrder(world, [lease]);
    expect(market.row(lease.contract).details).toBe(told);

    market.core.admin.cancel(lease.contract);
    await expectOrder(world, [lease]);
    expect(market.row(lease.contract).terminatedAt).toBeDefined();
    expect(host.said).not.toContain(backend.dev.token);
    expect(await host.stop()).toEqual({ code: 0, signal: null });
  });

  test('killed after an entry of its ledger, here and there in a life, it makes one droplet for each contract', async () => {
    const kills = await Promise.all(
      ENTRIES.map(async (entry) => {
        const { host, lease } = await newcomer();
        return expectWholeLife(world, host, lease, { DC_AGENT_STOP_AFTER_ENTRY: String(entry) });
      }),
    );
    expect(kills).toEqual(ENTRIES.map(() => 1));
  });

  test('a droplet of somebody else’s was left alone, nothing was ever deleted by tag, and no tag is left', () => {
    const { account, calls } = world.backend.dev.core;
    expect([...account.droplets.keys()]).toEqual([stranger]);
    expect(account.droplets.get(stranger)?.status).toBe('active');
    expect(calls.get('DELETE /droplets')).toBeUndefined();
    expect([...account.tags].filter((tag) => tag.startsWith('dc-order:'))).toEqual([]);
    expect(world.backend.problems).toEqual([]);
  });
});
