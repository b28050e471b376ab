import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ExternalId } from '../../src/provisioner/index.ts';
import { type Attempt, attempt, Farm, Workbench } from './fixtures.ts';

let bench: Workbench;
let one: Attempt;
let known: Attempt['ref'];
beforeEach(() => {
  bench = new Workbench();
  one = attempt();
  known = { ...one.ref, externalId: 'vm-1' as ExternalId };
});
afterEach(() => bench.cleanup());

const OK = { success: true };
const described = (more: object = {}): object => ({ success: true, instance: { external_id: 'vm-1', ...more } });
const listing = (...instances: object[]): object => ({ success: true, instances });
const ours = (more: object = {}): object => ({ external_id: 'vm-1', contract_id: one.order.stamp.contract, ...more });

/** A farm whose machines are in the list until terminate is run. */
function shrinking(...instances: object[]): Farm {
  const farm = new Farm(bench, { list: listing(...instances), terminate: OK });
  const list = `'${bench.path('answer-list')}'`;
  const executable = bench.script(
    `cat | '${farm.executable}' && case $(tail -n 1 '${bench.path('orders')}') in *terminate*) echo '${JSON.stringify(listing())}' >${list};; esac`,
  );
  return Object.assign(farm, { executable });
}

describe('destroy with a list', () => {
  test('terminates what the list shows as ours, and looks again', async () => {
    const farm = shrinking(ours(), { external_id: 'vm-2', contract_id: 'b'.repeat(64) }, { external_id: 'vm-3' });
    await (await farm.open(['list'])).destroy(known, one.op());
    expect(farm.orders).toEqual([
      { action: 'list', external_id: null },
      { action: 'terminate', external_id: 'vm-1' },
      { action: 'list', external_id: null },
    ]);
  });

  test('finds the machine by its contract when no id was ever told', async () => {
    const farm = shrinking(ours({ operation_id: one.order.stamp.operation }));
    await (await farm.open(['list'])).destroy(one.ref, one.op());
    expect(farm.actions).toEqual(['list', 'terminate', 'list']);
  });

  test('has nothing to do when a complete list shows nothing', async () => {
    const farm = new Farm(bench, { list: listing() });
    await (await farm.open(['list'])).destroy(known, one.op());
    expect(farm.actions).toEqual(['list', 'list']);
  });

  test.each([
    ['fails', { success: false }],
    ['is incomplete', { success: true, instances: [], complete: false }],
    ['is garbage', 'Segmentation fault'],
    ['is no list', { success: true, instances: null }],
  ])('does not call a machine gone when the list %s', async (_name, answer) => {
    const farm = new Farm(bench, { list: answer, terminate: OK });
    await expect((await farm.open(['list'])).destroy(known, one.op())).rejects.toMatchObject({ kind: 'retry' });
    expect(farm.actions).toEqual(['list']);
  });

  test('is not done while the machine is still listed', async () => {
    const farm = new Farm(bench, { list: listing(ours()), terminate: OK });
    await expect((await farm.open(['list'])).destroy(known, one.op())).rejects.toMatchObject({
      kind: 'retry',
      message: expect.stringContaining('still there'),
    });
  });

  test.each([
    ['no contract', { external_id: 'vm-1' }],
    ['another contract', { external_id: 'vm-1', contract_id: 'b'.repeat(64) }],
  ])('touches nothing when our id has %s now', async (_name, entry) => {
    const farm = new Farm(bench, { list: listing(entry), terminate: OK });
    await expect((await farm.open(['list'])).destroy(known, one.op())).rejects.toMatchObject({ kind: 'not-ours' });
    expect(farm.actions).toEqual(['list']);
  });
});

describe('destroy without a list', () => {
  test('asks whose the machine is, terminates it, and asks whether it is gone', async () => {
    const farm = new Farm(bench, { get_instance: described(), terminate: OK });
    const provisioner = await farm.open();
    await expect(provisioner.destroy(known, one.op())).rejects.toMatchObject({
      kind: 'retry',
      message: expect.stringContaining('still there'),
    });
    expect(farm.orders).toEqual([
      { action: 'get_instance', external_id: 'vm-1' },
      { action: 'terminate', external_id: 'vm-1' },
      { action: 'get_instance', external_id: 'vm-1' },
    ]);
    farm.answer('get_instance', { success: true, instance: null });
    await provisioner.destroy(known, one.op({ attempt: 2 }));
  });

  test.each([
    ['another contract', 'b'.repeat(64)],
    ['no contract', null],
  ])('touches nothing that is said to have %s', async (_name, contract) => {
    const farm = new Farm(bench, { get_instance: described({ contract_id: contract }), terminate: OK });
    await expect((await farm.open()).destroy(known, one.op())).rejects.toMatchObject({ kind: 'not-ours' });
    expect(farm.actions).toEqual(['get_instance']);
  });

  test.each([
    ['refuses', { success: false, error: 'the backend is down' }],
    ['talks about another machine', { success: true, instance: { external_id: 'vm-2' } }],
    ['says nothing of a machine', OK],
    ['prints garbage', '<html>502</html>'],
  ])('terminates nothing when get_instance %s', async (_name, answer) => {
    const farm = new Farm(bench, { get_instance: answer, terminate: OK });
    const error = await (await farm.open()).destroy(known, one.op()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind: 'retry' });
    expect(farm.actions).toEqual(['get_instance']);
  });

  test('runs terminate also for what is gone, because something may be left behind it', async () => {
    const farm = new Farm(bench, { get_instance: { success: true, instance: null }, terminate: OK });
    await (await farm.open()).destroy(known, one.op());
    expect(farm.actions).toEqual(['get_instance', 'terminate']);
  });

  test('says what to do about a run that was cut off before it told an id', async () => {
    const farm = new Farm(bench, {});
    const provisioner = await farm.open();
    await expect(provisioner.create(one.order, one.op())).rejects.toMatchObject({ kind: 'unknown-outcome' });
    await expect(provisioner.destroy(one.ref, one.op())).rejects.toMatchObject({
      kind: 'unknown-outcome',
      message: expect.stringContaining(one.order.stamp.operation),
    });
  });

  test('is content when nothing was ever begun', async () => {
    const farm = new Farm(bench, {});
    await (await farm.open()).destroy(one.ref, one.op());
    expect(farm.actions).toEqual([]);
  });
});

describe('a second machine of the same operation', () => {
  const twin = 'vm-2' as ExternalId;

  test('is removed once the list says that it is one', async () => {
    const { operation } = one.order.stamp;
    const farm = shrinking(ours({ operation_id: operation }), ours({ external_id: twin, operation_id: operation }));
    await (await farm.open(['list'])).removeTwin?.(twin, known, one.op());
    expect(farm.orders[1]).toEqual({ action: 'terminate', external_id: twin });
  });

  test.each([
    ['whose operation is not told', () => ours({ external_id: twin })],
    ['of another operation', () => ours({ external_id: twin, operation_id: '0'.repeat(32) })],
    ['of another contract', () => ({ external_id: twin, contract_id: 'b'.repeat(64) })],
    ['of nobody', () => ({ external_id: twin })],
  ])('is left alone when it is one %s', async (_name, entry) => {
    const farm = new Farm(bench, { list: listing(ours(), entry()), terminate: OK });
    const provisioner = await farm.open(['list']);
    await expect(provisioner.removeTwin?.(twin, known, one.op())).rejects.toMatchObject({ kind: 'not-ours' });
    expect(farm.actions).toEqual(['list']);
  });

  test('is never the one to keep', async () => {
    const provisioner = await new Farm(bench, {}).open(['list']);
    const keep = known.externalId as ExternalId;
    await expect(provisioner.removeTwin?.(keep, known, one.op())).rejects.toMatchObject({ kind: 'not-ours' });
  });
});

describe('start and stop', () => {
  test('are absent without their executables', async () => {
    const bare = await new Farm(bench, {}).open();
    expect([bare.start, bare.stop, bare.list, bare.removeTwin]).toEqual([undefined, undefined, undefined, undefined]);
    const full = await new Farm(bench, {}).open(['list', 'start', 'stop']);
    expect([full.start, full.stop, full.list, full.removeTwin]).not.toContain(undefined);
  });

  test('look at the list first, where there is one', async () => {
    const farm = new Farm(bench, { list: listing(ours()), stop: OK, start: OK, get_instance: described() });
    const provisioner = await farm.open(['list', 'start', 'stop']);
    await provisioner.stop?.(known, one.op());
    expect(await provisioner.start?.(known, one.op())).toMatchObject({ externalId: 'vm-1', power: 'running' });
    expect(farm.actions).toEqual(['list', 'stop', 'list', 'start', 'get_instance']);
  });

  test('else ask whose the machine is', async () => {
    const farm = new Farm(bench, { get_instance: described({ contract_id: 'b'.repeat(64) }), stop: OK, start: OK });
    const provisioner = await farm.open(['start', 'stop']);
    await expect(provisioner.stop?.(known, one.op())).rejects.toMatchObject({ kind: 'not-ours' });
    await expect(provisioner.start?.(known, one.op())).rejects.toMatchObject({ kind: 'not-ours' });
    expect(farm.actions).toEqual(['get_instance', 'get_instance']);
  });

  test('fail as the script says', async () => {
    const farm = new Farm(bench, {
      list: listing(ours()),
      stop: { success: false, error: 'busy', retry_possible: true },
    });
    const provisioner = await farm.open(['list', 'stop']);
    await expect(provisioner.stop?.(known, one.op())).rejects.toMatchObject({ kind: 'retry' });
  });
});
