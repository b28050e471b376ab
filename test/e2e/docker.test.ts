import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { askEngine, buildImage, lookUp, noEngine, whySkipped } from '../../provisioners/docker/test-engine.ts';
import { machineName, parseContractId } from '../../src/ports/ids.ts';
import { type DockerBackend, dockerBackend } from './ground/docker.ts';
import { expectWholeLife } from './ground/life.ts';
import { keepAlive } from './ground/lifetime.ts';
import { expectOrder } from './ground/order.ts';
import { openWorld, type World } from './ground/world.ts';

/** Entries of a life's ledger, from the first to the last of them. */
const ENTRIES = [1, 3, 6, 7, 8, 9, 11, 13, 15, 17] as const;
const ABREAST = 2;

describe.skipIf(noEngine)(`agents on a real container engine${whySkipped}`, () => {
  let world: World<DockerBackend>;
  const strangers: string[] = [];

  beforeAll(async () => {
    await buildImage();
    world = await openWorld(dockerBackend, 100_000);
    strangers.push(
      await world.backend.addStranger(await freeName('dc-01')),
      await world.backend.addStranger(someMachineName()),
      // As another agent's machine would be.
      await world.backend.addStranger(someMachineName(), {
        'dc-agent': 'true',
        'dc-agent-id': '1'.repeat(64),
        'dc-contract-id': '2'.repeat(64),
        'dc-operation-id': '3'.repeat(32),
      }),
    );
  }, 300_000);
  afterAll(() => world?.close());

  test('killed after an entry of its ledger, here and there in a life', { timeout: 180_000 }, async () => {
    const left = [...ENTRIES];
    const kills: number[] = [];
    const inTurn = async (): Promise<void> => {
      for (let entry = left.shift(); entry !== undefined; entry = left.shift()) {
        const { host, lease } = await newcomer();
        kills.push(await expectWholeLife(world, host, lease, { DC_AGENT_STOP_AFTER_ENTRY: String(entry) }));
      }
    };
    await Promise.all(Array.from({ length: ABREAST }, inTurn));
    expect(kills).toEqual(ENTRIES.map(() => 1));
  });

  test('killed as soon as the container is there', { timeout: 120_000 }, async () => {
    const { host, lease } = await newcomer();
    const life = keepAlive(host);
    const made = await world.pulse.until('the container', async () => (await own(lease.contract))[0]);
    await host.kill();
    await expectOrder(world, [lease]);
    expect(await own(lease.contract)).toEqual([made]);
    await life.end();
    expect(life.kills()).toBe(1);
  });

  test('ten contracts at once, and all of them cancelled', { timeout: 180_000 }, async () => {
    const { market } = world;
    const stall = market.stall('docker');
    const host = await world.host(stall);
    const leases = Array.from({ length: 10 }, () => market.rent(stall.offering));
    host.run();
    await expectOrder(world, leases);
    expect(leases.map(({ contract }) => market.row(contract).status)).toEqual(leases.map(() => 'active'));
    for (const { contract } of leases) market.core.admin.cancel(contract);
    await expectOrder(world, leases);
    expect(await host.stop()).toEqual({ code: 0, signal: null });
  });

  test('containers of others have run through all of it', async () => {
    const seen = await Promise.all(strangers.map(lookUp));
    expect(seen.map((container) => container?.State.Status)).toEqual(strangers.map(() => 'running'));
  });

  async function newcomer() {
    const stall = world.market.stall('docker');
    return { host: await world.host(stall), lease: world.market.rent(stall.offering) };
  }

  async function own(contract: string): Promise<string[]> {
    return (await world.backend.machines()).filter((machine) => machine.contract === contract).map(({ id }) => id);
  }
});

/** Other tests may have a container of that name at the same time. */
async function freeName(name: string): Promise<string> {
  const { status } = await askEngine('GET', `/containers/${name}/json`);
  return status === 404 ? name : `${name}-${process.pid}`;
}

function someMachineName(): string {
  const contract = parseContractId(crypto.randomUUID().replaceAll('-', '').repeat(2));
  if (contract === undefined) throw new Error('a UUID has 32 hex digits');
  return machineName(contract);
}
