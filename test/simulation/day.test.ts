import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { World } from './world.ts';

const HOUR = 3_600_000;

/** Heap in use after everything that can be freed was freed. */
async function heapUsed(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

it('a day of an agent with thirty machines and a rental every half hour leaves memory and timers as they were', async () => {
  const world = new World({ seed: 1, latencyMs: 5, snapshotAfter: 2_000 });
  world.boot(world.addHost());
  for (let machine = 0; machine < 30; machine++) world.rent({ hours: 48 });
  const day = async (hours: number): Promise<void> => {
    for (let half = 0; half < hours * 2; half++) {
      const contract = world.rent({ hours: 2 });
      await world.run(HOUR / 4);
      world.platform.admin.cancel(contract.id);
      await world.run(HOUR / 4);
      // The platform's own books grow, as they should; they are not what is measured.
      world.platform.contracts.delete(contract.id);
      world.platform.state.history.length = 0;
      world.platform.state.events.length = 0;
    }
  };
  await day(4);
  const before = {
    heap: await heapUsed(),
    timers: world.time.pending,
    handles: process.getActiveResourcesInfo().length,
  };
  await day(20);
  const after = {
    heap: await heapUsed(),
    timers: world.time.pending,
    handles: process.getActiveResourcesInfo().length,
  };
  expect(world.backend.machines().length).toBe(30);
  expect(after.timers).toBeLessThanOrEqual(before.timers + 10);
  expect(after.handles).toBeLessThanOrEqual(before.handles + 2);
  // Forty closed records are kept for thirty days, and the simulators have counters of their own.
  expect(after.heap - before.heap).toBeLessThan(8 * 2 ** 20);
}, 180_000);
