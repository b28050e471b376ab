import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addStranger, watchForHarm } from './ground/guard.ts';
import type { Host } from './ground/host.ts';
import { expectWholeLife } from './ground/life.ts';
import type { Lease } from './ground/market.ts';
import { type SandboxBackend, sandboxBackend } from './ground/sandbox.ts';
import { openWorld, type World } from './ground/world.ts';

/** So many lives go on side by side; they mostly wait. */
const ABREAST = 4;
/** A life from the work list to the removed machine has at least so many entries in the ledger. */
const FEWEST_ENTRIES = 18;

/** Lets one call take effect without an answer; returns how to tell that it came. */
type Hang = (world: World<SandboxBackend>, contract: string) => () => boolean;

const platformCall =
  (route: 'lock' | 'provisioning' | 'unlock' | 'terminated', skip = 0): Hang =>
  ({ market }, match) => {
    market.core.faults.add({ route, match, skip, fault: { kind: 'hang', processed: true } });
    return () => market.requests.filter((one) => one.route === route && one.path.includes(match)).length > skip;
  };

const backendCall =
  (call: 'create' | 'configure' | 'start' | 'delete'): Hang =>
  ({ backend: { core } }) => {
    core.faults.add({ call, fault: { kind: 'hang' } });
    return () => core.faults.pending === 0;
  };

type Case = readonly [what: string, hang: Hang];

const PLATFORM_CALLS: readonly Case[] = [
  ['lock the contract', platformCall('lock')],
  ['report that work has begun', platformCall('provisioning')],
  ['report the machine', platformCall('provisioning', 1)],
  ['unlock the contract', platformCall('unlock')],
  ['report that it is gone', platformCall('terminated')],
];

const BACKEND_CALLS: readonly Case[] = [
  ['make the machine', backendCall('create')],
  ['give it the key', backendCall('configure')],
  ['start it', backendCall('start')],
  ['remove it', backendCall('delete')],
];

describe('an agent that is killed at any moment goes on where it was', () => {
  let world: World<SandboxBackend>;
  let harm: readonly string[];
  let stranger: string;

  beforeAll(async () => {
    world = await openWorld(sandboxBackend);
    harm = watchForHarm(world);
    stranger = addStranger(world);
  });
  afterAll(() => world?.close());

  test('killed after each entry of its ledger, in turn, until a whole life passes', { timeout: 180_000 }, async () => {
    let next = 1;
    let whole: number | undefined;
    const inTurn = async (): Promise<void> => {
      while (whole === undefined) {
        const entry = next++;
        const { host, lease } = await newcomer();
        const kills = await expectWholeLife(world, host, lease, { DC_AGENT_STOP_AFTER_ENTRY: String(entry) });
        if (kills === 0) whole = Math.min(whole ?? entry, entry);
      }
    };
    await Promise.all(Array.from({ length: ABREAST }, inTurn));
    expect(whole).toBeGreaterThan(FEWEST_ENTRIES);
    expect(madeTwice()).toEqual([]);
    expect(harm).toEqual([]);
    expect(world.backend.core.machines.get(stranger)?.state).toBe('running');
  });

  test.concurrent.each(PLATFORM_CALLS)('killed when it has asked to %s, and not heard the answer', (_what, hang) =>
    expectLifeWithKillIn(hang),
  );

  // One after the other: the sandbox cannot tell whose call it is to leave without an answer.
  test.each(BACKEND_CALLS)('killed when it has asked the backend to %s, and not heard the answer', (_what, hang) =>
    expectLifeWithKillIn(hang),
  );

  async function expectLifeWithKillIn(hang: Hang): Promise<void> {
    const { host, lease } = await newcomer();
    const taken = hang(world, lease.contract);
    const killed = world.pulse.until('the call to be taken', taken, () => host.lately).then(() => host.kill());
    expect(await expectWholeLife(world, host, lease)).toBe(1);
    await killed;
    expect(madeTwice()).toEqual([]);
    expect(harm).toEqual([]);
  }

  /** A machine that is made again and cleaned up later is one too many all the same. */
  function madeTwice(): string[] {
    return [...world.backend.made].filter(([, machines]) => machines.size > 1).map(([contract]) => contract);
  }

  async function newcomer(): Promise<{ readonly host: Host; readonly lease: Lease }> {
    const stall = world.market.stall('sandbox');
    return { host: await world.host(stall), lease: world.market.rent(stall.offering) };
  }
});
