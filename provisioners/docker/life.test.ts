import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { context, operation, refOf } from '../../src/provisioner/conformance/operations.ts';
import { buildImage, noEngine, tellEngine, whySkipped } from './test-engine.ts';
import { login, makeKey } from './test-login.ts';
import { openTarget, type TestTarget } from './test-target.ts';
import type { MachineEvent } from './watch.ts';

describe.skipIf(noEngine)(`what a running engine tells${whySkipped}`, () => {
  let target: TestTarget;
  beforeAll(buildImage, 300_000);
  beforeEach(async () => {
    target = await openTarget();
  });
  afterEach(() => target.cleanup());

  test('traffic grows with use, and a restart shows as a new beginning', async () => {
    const { provisioner } = target;
    const key = makeKey();
    const order = target.order({ sshKey: key.publicKey });
    const machine = await provisioner.create(order, operation(order.stamp));
    await login(machine, key.privateKey, 'true');
    const [first] = await provisioner.traffic(context());
    const { output } = await login(machine, key.privateKey, 'head -c 300000 /dev/zero | tr "\\0" x');
    const [second] = await provisioner.traffic(context());
    expect(output).toHaveLength(300_000);
    expect(second?.contract).toBe(order.stamp.contract);
    expect(second?.countingSince).toBe(first?.countingSince);
    expect((second?.bytesOut ?? 0) - (first?.bytesOut ?? 0)).toBeGreaterThan(300_000);
    expect(second?.bytesIn).toBeGreaterThan(first?.bytesIn ?? 0);

    await provisioner.stop(refOf(machine), operation(order.stamp));
    expect(await provisioner.traffic(context())).toEqual([]);
    await provisioner.start(refOf(machine), operation(order.stamp));
    const [third] = await provisioner.traffic(context());
    expect(third?.bytesOut).toBeLessThan(300_000);
    expect(third?.countingSince).toBeGreaterThan(second?.countingSince ?? 0);
  });

  test('one machine whose counters cannot be read does not hide the others', async () => {
    const { provisioner, proxy } = target;
    const orders = [target.order(), target.order()];
    const [one, two] = await Promise.all(orders.map((order) => provisioner.create(order, operation(order.stamp))));
    const broken = { kind: 'answer', status: 500, body: { message: 'cgroup is gone' } } as const;
    proxy.add({ call: new RegExp(`^GET /containers/${one?.externalId}/stats`), trouble: broken, always: true });
    const samples = await provisioner.traffic(context());
    expect(samples.map(({ contract }) => contract)).toEqual([two?.stamp.contract]);
    proxy.add({ call: new RegExp(`^GET /containers/${two?.externalId}/stats`), trouble: broken, always: true });
    await expect(provisioner.traffic(context())).rejects.toMatchObject({ kind: 'retry' });
  });

  test('events tell of starts, stops and removals of our machines only', async () => {
    const { provisioner } = target;
    const cancel = new AbortController();
    const seen: MachineEvent[] = [];
    const watching = gather(
      provisioner.watch(cancel.signal, Date.now() - 1_000),
      seen,
      ({ change }) => change === 'removed',
    );
    await target.addStranger();
    const order = target.order();
    const machine = await provisioner.create(order, operation(order.stamp));
    await provisioner.stop(refOf(machine), operation(order.stamp));
    await provisioner.destroy(refOf(machine), operation(order.stamp));
    await watching;
    expect(seen.map(({ change }) => change)).toEqual(['started', 'stopped', 'removed']);
    for (const { externalId, stamp } of seen) expect({ externalId, stamp }).toEqual(refFields(machine));
  });

  test.each([
    ['it is cancelled', async (_: TestTarget, cancel: AbortController) => cancel.abort()],
    ['the engine goes away', async ({ proxy }: TestTarget) => void (await proxy.unplug())],
  ])('watching ends with an error when %s', async (_, end) => {
    const cancel = new AbortController();
    const asked = target.proxy.arrival(/^GET \/events/);
    const outcome = gather(target.provisioner.watch(cancel.signal), [], () => false).catch((error: unknown) => error);
    await asked;
    await end(target, cancel);
    expect(await outcome).toMatchObject({ kind: 'retry' });
  });

  test('inventory takes sold memory off, also that of machines that are off', async () => {
    const { provisioner } = target;
    const order = target.order({ memoryMb: 512 });
    const machine = await provisioner.create(order, operation(order.stamp));
    await provisioner.stop(refOf(machine), operation(order.stamp));
    const info = JSON.parse(await tellEngine('GET', '/info')) as { NCPU: number; MemTotal: number };
    const inventory = await provisioner.inventory(context());
    expect(inventory).toMatchObject({ cpuCores: info.NCPU, memoryTotalMb: Math.floor(info.MemTotal / 1024 ** 2) });
    expect(inventory.memoryFreeMb).toBeLessThanOrEqual(inventory.memoryTotalMb - 512);
    expect(inventory.machinesFree).toBeLessThan(100);
    expect(inventory.storages).toMatchObject([{ name: 'docker' }]);
  });
});

async function gather<T>(source: AsyncIterable<T>, into: T[], last: (item: T) => boolean): Promise<void> {
  for await (const item of source) {
    into.push(item);
    if (last(item)) return;
  }
}

function refFields({ externalId, stamp }: Pick<MachineEvent, 'externalId' | 'stamp'>): object {
  return { externalId, stamp };
}
