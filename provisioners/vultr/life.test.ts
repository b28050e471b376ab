import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { VultrChoices } from '../../simulators/vultr/options.ts';
import { createVirtualClock, type VirtualClock } from '../../src/platform/virtual-clock.ts';
import { operation, sampleOrder } from '../../src/provisioner/conformance.ts';
import { type Instance, type Operation, type OwnedRef, silentLog } from '../../src/provisioner/index.ts';
import { AGENT, answer, type Opened, openTarget, played, refusalOf } from './fixtures.ts';
import { stampTags, TAG } from './tags.ts';

let clock: VirtualClock;
let opened: Opened;

function open(settings: Record<string, unknown> = {}, options: VultrChoices = {}): void {
  clock = createVirtualClock();
  opened = openTarget({ clock, settings, options });
}

beforeEach(() => open());
afterEach(() => opened.close());

const context = () => ({ signal: new AbortController().signal, log: silentLog });
const refOf = ({ stamp, externalId }: Instance): OwnedRef => ({ stamp, externalId, handles: {} });
const calls = (call: string): number => opened.core.calls.get(call) ?? 0;
const play = <T>(act: (op: Operation) => Promise<T>, { stamp }: Pick<Instance, 'stamp'>): Promise<T> =>
  played(clock, act(operation(stamp)));

async function made(): Promise<Instance> {
  const order = sampleOrder(AGENT);
  return played(clock, opened.provisioner.create(order, operation(order.stamp)));
}

const truth = ({ externalId }: Instance) => {
  const found = opened.core.account.instances.get(externalId);
  if (found === undefined) throw new Error(`there is no instance ${externalId}`);
  return found;
};

describe('stopping and starting', () => {
  test('never start what runs: Vultr takes that for a restart', async () => {
    const machine = await made();
    const { startedAt } = truth(machine);
    await play((op) => opened.provisioner.start(refOf(machine), op), machine);
    expect(calls('POST /instances/{id}/start')).toBe(0);
    expect(truth(machine).startedAt).toBe(startedAt);
  });

  test.each([
    ['whose answer was lost', { kind: 'drop-after' }, {}],
    ['that was processed in trouble', { kind: 'error', status: 500, processed: true }, {}],
    ['that a look was late to tell of', { kind: 'none' }, { kind: 'delay', ms: 25_000, at: 'after' }],
  ] as const)('start once, after a start %s', async (_, start, look) => {
    const machine = await made();
    const { faults, admin } = opened.core;
    admin.powerOff(machine.externalId);
    if (start.kind !== 'none') faults.add({ call: 'POST /instances/{id}/start', fault: start });
    // The second look of a start tells what the instance was before it was started.
    if ('kind' in look) faults.add({ call: 'GET /instances/{id}', fault: look, skip: 2 });
    const begin = () => play((op) => opened.provisioner.start(refOf(machine), op), machine);
    await begin().catch(begin);
    expect([truth(machine).power, calls('POST /instances/{id}/start')]).toEqual(['running', 1]);
  });

  test('wait while somebody has the instance locked', async () => {
    const machine = await made();
    opened.core.admin.setServerStatus(machine.externalId, 'locked');
    clock.after(40_000, () => opened.core.admin.setServerStatus(machine.externalId, 'ok'));
    await play((op) => opened.provisioner.stop(refOf(machine), op), machine);
    expect(truth(machine).power).toBe('stopped');
  });

  test('halt again what comes back by itself', async () => {
    const machine = await made();
    opened.core.faults.add({ call: 'POST /instances/{id}/halt', fault: { kind: 'accept' } });
    await play((op) => opened.provisioner.stop(refOf(machine), op), machine);
    expect([truth(machine).power, calls('POST /instances/{id}/halt')]).toEqual(['stopped', 2]);
  });

  test('never delete a machine that stays off: it is the tenant’s', async () => {
    const machine = await made();
    opened.core.admin.powerOff(machine.externalId);
    opened.core.admin.setBoots(machine.externalId, false);
    expect(await refusalOf(play((op) => opened.provisioner.start(refOf(machine), op), machine))).toMatchObject({
      kind: 'retry',
    });
    expect(truth(machine).power).toBe('stopped');
  });

  test('say whose turn it is when Vultr has suspended the instance, and its health says so too', async () => {
    const machine = await made();
    opened.core.admin.suspend(machine.externalId, true);
    for (const act of ['stop', 'start'] as const) {
      const call = play<unknown>((op) => opened.provisioner[act](refOf(machine), op), machine);
      expect(await refusalOf(call)).toMatchObject({ kind: 'config' });
    }
    const seen = await played(clock, opened.provisioner.observe(refOf(machine), context()));
    expect(seen).toMatchObject({ state: 'present', unhealthy: expect.stringContaining('suspended') });
  });
});

describe('destroying', () => {
  test('waits while the instance is locked, and asks again', async () => {
    const machine = await made();
    opened.core.admin.setServerStatus(machine.externalId, 'locked');
    clock.after(60_000, () => opened.core.admin.setServerStatus(machine.externalId, 'ok'));
    await play((op) => opened.provisioner.destroy(refOf(machine), op), machine);
    expect(opened.core.account.instances.size).toBe(0);
  });

  test('gives up after ten minutes, says why, and goes on when it is called again', async () => {
    const machine = await made();
    opened.core.admin.setServerStatus(machine.externalId, 'locked');
    const error = await refusalOf(play((op) => opened.provisioner.destroy(refOf(machine), op), machine));
    expect(error).toMatchObject({ kind: 'retry' });
    expect(error.message).toContain('Server is currently locked');
    opened.core.admin.setServerStatus(machine.externalId, 'ok');
    await play((op) => opened.provisioner.destroy(refOf(machine), op), machine);
    expect(opened.core.account.instances.size).toBe(0);
  });

  test('does not believe a 404 that is not the API’s, or that another endpoint gives to everything', async () => {
    const machine = await made();
    const pages = [
      { status: 404, headers: {}, body: '<html>Not Found</html>' },
      answer(404, { message: 'no route' }),
      answer(404, { error: 'not found', status: 400 }),
    ];
    for (const page of pages) {
      opened.tampers.push({ before: () => page });
      await refusalOf(play((op) => opened.provisioner.destroy(refOf(machine), op), machine));
      expect(truth(machine).power).toBe('running');
    }
    // A fresh process at a wrong path: nothing was ever listed there.
    const fresh = openTarget({ clock });
    for (let time = 0; time < 20; time++)
      fresh.tampers.push({ before: () => answer(404, { error: 'Invalid path.', status: 404 }) });
    const ref = refOf(machine);
    expect(await refusalOf(played(clock, fresh.provisioner.destroy(ref, operation(ref.stamp))))).toMatchObject({
      kind: 'config',
    });
    expect(await refusalOf(played(clock, fresh.provisioner.observe(ref, context())))).toMatchObject({ kind: 'config' });
    await fresh.close();
  });

  test('does not believe a 404 about an instance that a list shows', async () => {
    const machine = await made();
    opened.tampers.push({
      before: ({ path }) =>
        path === `/instances/${machine.externalId}`
          ? answer(404, { error: 'Invalid instance.', status: 404 })
          : undefined,
    });
    expect(await refusalOf(played(clock, opened.provisioner.observe(refOf(machine), context())))).toMatchObject({
      kind: 'retry',
    });
    await play((op) => opened.provisioner.destroy(refOf(machine), op), machine);
    expect(opened.core.account.instances.size).toBe(0);
  });

  test('reads the stamp just before each order to delete, also before the second one', async () => {
    const machine = await made();
    opened.core.faults.add({ call: 'DELETE /instances/{id}', fault: { kind: 'accept' } });
    opened.core.onExchange(({ call }) => {
      if (call === 'GET /instances/{id}/bandwidth')
        clock.after(500, () => opened.core.admin.setTags(machine.externalId, []));
    });
    const error = await refusalOf(play((op) => opened.provisioner.destroy(refOf(machine), op), machine));
    expect(error).toMatchObject({ kind: 'not-ours' });
    expect(truth(machine).deleting).toBe(false);
    expect(calls('DELETE /instances/{id}')).toBe(1);
  });

  test('waits for tags that are late, and touches nothing until they are there', async () => {
    const order = sampleOrder(AGENT);
    opened.core.faults.add({ call: 'POST /instances', fault: { kind: 'late-tags', ms: 30_000 } });
    const cancel = new AbortController();
    const onRemember = (key: string): void => {
      if (key === 'instance') cancel.abort(new Error('enough'));
    };
    const op = operation(order.stamp, { signal: cancel.signal, onRemember });
    await refusalOf(played(clock, opened.provisioner.create(order, op)));
    const deletions: number[] = [];
    opened.core.onExchange(({ call, at }) => {
      if (call === 'DELETE /instances/{id}') deletions.push(at);
    });
    const began = clock.now();
    await played(
      clock,
      opened.provisioner.destroy({ stamp: order.stamp, handles: { ...op.handles } }, operation(order.stamp)),
    );
    expect(opened.core.account.instances.size).toBe(0);
    expect((deletions[0] ?? 0) - began).toBeGreaterThan(25_000);
  });

  test('waits for what an order without an answer may still make', async () => {
    const order = sampleOrder(AGENT);
    opened.core.faults.add({ call: 'POST /instances', fault: { kind: 'late-tags', ms: 20_000 } });
    opened.tampers.push({
      after: ({ method }, response) => (method === 'POST' ? { ...response, status: 502, body: '' } : undefined),
    });
    const op = operation(order.stamp);
    await refusalOf(played(clock, opened.provisioner.create(order, op)));
    const ref = { stamp: order.stamp, handles: { ...op.handles } };
    expect(await refusalOf(played(clock, opened.provisioner.observe(ref, context())))).toMatchObject({ kind: 'retry' });
    await played(clock, opened.provisioner.destroy(ref, operation(order.stamp)));
    expect(opened.core.account.instances.size).toBe(0);
    expect(await played(clock, opened.provisioner.observe({ ...ref, handles: {} }, context()))).toEqual({
      state: 'absent',
    });
  });
});

describe('traffic', () => {
  const sampled = () => played(clock, opened.provisioner.traffic(context()));
  const DAY_MS = 86_400_000;

  test('is the sum of the month by UTC days, rises only, and begins anew with each month', async () => {
    open({}, { bytesInPerSecond: 0, bytesOutPerSecond: 0 });
    const machine = await made();
    let [sum, before] = [0, 0];
    // From 14 November on, past the end of that month and far past what the API still shows by itself.
    for (let day = 0; day < 70; day++) {
      opened.core.admin.addTraffic(machine.externalId, 10, 1_000);
      await clock.advance(3_600_000);
      const [sample] = await sampled();
      expect(sample?.contract).toBe(machine.stamp.contract);
      const { bytesOut } = sample ?? { bytesOut: Number.NaN };
      sum += bytesOut < before ? bytesOut : bytesOut - before;
      before = bytesOut;
      await clock.advance(DAY_MS - 3_600_000);
    }
    expect(sum).toBe(70_000);
  });

  test('does not fall when a day is corrected downwards', async () => {
    open({}, { bytesInPerSecond: 0, bytesOutPerSecond: 0 });
    const machine = await made();
    opened.core.admin.addTraffic(machine.externalId, 0, 5_000);
    expect(await sampled()).toMatchObject([{ bytesOut: 5_000 }]);
    opened.core.admin.addTraffic(machine.externalId, 0, -2_000);
    await clock.advance(700_000);
    expect(await sampled()).toMatchObject([{ bytesOut: 5_000 }]);
  });

  test('costs one request for each machine in ten minutes, and of one that cannot be asked the others are told', async () => {
    const [one, other] = [await made(), await made()];
    for (let time = 0; time < 5; time++) {
      expect(await sampled()).toHaveLength(2);
      await clock.advance(60_000);
    }
    expect(calls('GET /instances/{id}/bandwidth')).toBe(2);
    await clock.advance(600_000);
    opened.core.faults.add({
      call: 'GET /instances/{id}/bandwidth',
      match: one.externalId,
      times: Number.POSITIVE_INFINITY,
      fault: { kind: 'error', status: 500 },
    });
    expect((await sampled()).map(({ contract }) => contract)).toEqual([other.stamp.contract]);
  });

  test('of a new instance is an empty list in the API’s answer, and nothing moved', async () => {
    const machine = await made();
    opened.tampers.push({
      before: ({ path }) => (path.includes('bandwidth') ? answer(200, { bandwidth: [] }) : undefined),
    });
    expect(await sampled()).toEqual([{ contract: machine.stamp.contract, bytesIn: 0, bytesOut: 0 }]);
  });

  test('of a machine that is gone is told once more, as it was just before, and never holds up its deletion', async () => {
    const machine = await made();
    opened.core.admin.addTraffic(machine.externalId, 5_000_000, 9_000_000);
    await play((op) => opened.provisioner.destroy(refOf(machine), op), machine);
    const [last] = await sampled();
    expect(last?.contract).toBe(machine.stamp.contract);
    expect(last?.bytesOut).toBeGreaterThanOrEqual(9_000_000);
    expect(await sampled()).toEqual([]);
    const silent = await made();
    opened.core.faults.add({ call: 'GET /instances/{id}/bandwidth', fault: { kind: 'hang' } });
    const began = clock.monotonic();
    await play((op) => opened.provisioner.destroy(refOf(silent), op), silent);
    expect(clock.monotonic() - began).toBeLessThan(20_000);
  });
});

test('tags of ours that were damaged make the list incomplete, and the instance is left alone', async () => {
  const machine = await made();
  const tags = truth(machine).tags.filter((tag) => !tag.startsWith(TAG.contract));
  opened.core.admin.setTags(machine.externalId, tags);
  const { complete, instances } = await played(clock, opened.provisioner.list(context()));
  expect([complete, instances]).toEqual([false, []]);
  expect(await refusalOf(play((op) => opened.provisioner.stop(refOf(machine), op), machine))).toMatchObject({
    kind: 'not-ours',
  });
  // Two stamps at once are none.
  const double = [...stampTags(machine.stamp), ...stampTags(sampleOrder(AGENT).stamp)];
  opened.core.admin.setTags(machine.externalId, double);
  expect(await refusalOf(play((op) => opened.provisioner.destroy(refOf(machine), op), machine))).toMatchObject({
    kind: 'not-ours',
  });
});

test('a list is as old as it may be, and never older than what was done since', async () => {
  const list = () => played(clock, opened.provisioner.list(context()));
  expect((await list()).instances).toEqual([]);
  const machine = await made();
  expect((await list()).instances).toMatchObject([{ externalId: machine.externalId, power: 'running' }]);
  const before = calls('GET /instances');
  await list();
  expect(calls('GET /instances')).toBe(before);
  await play((op) => opened.provisioner.stop(refOf(machine), op), machine);
  expect((await list()).instances).toMatchObject([{ power: 'stopped' }]);
  await play((op) => opened.provisioner.destroy(refOf(machine), op), machine);
  expect((await list()).instances).toEqual([]);
});

test('six hundred machines are two pages, and a page that cannot be read is no short list', async () => {
  for (let count = 0; count < 600; count++) {
    const { stamp, name } = sampleOrder(AGENT);
    opened.core.admin.addForeign({ label: name, tags: stampTags(stamp) });
  }
  const listing = await played(clock, opened.provisioner.list(context()));
  expect([listing.complete, listing.instances.length]).toEqual([true, 600]);
  await clock.advance(40_000);
  opened.core.faults.add({ call: 'GET /instances', skip: 1, times: 9, fault: { kind: 'error', status: 500 } });
  expect(await refusalOf(played(clock, opened.provisioner.list(context())))).toMatchObject({ kind: 'retry' });
});

describe('many at once', () => {
  test('come up within the pace, without a single 429, and little later than one would', async () => {
    let refusals = 0;
    opened.core.onExchange(({ answer: { status } }) => {
      if (status === 429) refusals++;
    });
    const began = clock.monotonic();
    const orders = Array.from({ length: 50 }, () => sampleOrder(AGENT));
    const creates = orders.map((order) => opened.provisioner.create(order, operation(order.stamp)));
    const machines = await played(clock, Promise.all(creates));
    expect(new Set(machines.map(({ externalId }) => externalId)).size).toBe(50);
    // 5 s to ask for the last at ten a second, 30 s of the provider's own, and a look every two.
    expect(clock.monotonic() - began).toBeLessThanOrEqual(40_000);
    const requests = [...opened.core.calls.values()].reduce((sum, count) => sum + count, 0);
    expect(requests).toBeLessThan(50 + 80);
    await played(
      clock,
      Promise.all(machines.map((machine) => opened.provisioner.destroy(refOf(machine), operation(machine.stamp)))),
    );
    expect([refusals, opened.core.account.instances.size]).toEqual([0, 0]);
  });

  test('that nobody touches cost fewer than two requests a minute', async () => {
    for (let count = 0; count < 40; count++) {
      const { stamp, name } = sampleOrder(AGENT);
      opened.core.admin.addForeign({ label: name, tags: stampTags(stamp) });
    }
    await played(clock, opened.provisioner.inventory(context()));
    const before = calls('GET /instances') + calls('GET /plans');
    for (let cycle = 0; cycle < 40; cycle++) {
      await played(clock, Promise.all([opened.provisioner.list(context()), opened.provisioner.inventory(context())]));
      await clock.advance(30_000);
    }
    expect(calls('GET /instances') + calls('GET /plans') - before).toBeLessThanOrEqual(40);
  });
});
