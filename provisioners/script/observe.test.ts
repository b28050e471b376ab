import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ExternalId, isProvisionerError } from '../../src/provisioner/index.ts';
import { type Attempt, attempt, call, Farm, Workbench } from './fixtures.ts';

let bench: Workbench;
let one: Attempt;
let known: Attempt['ref'];
beforeEach(() => {
  bench = new Workbench();
  one = attempt();
  known = { ...one.ref, externalId: 'vm-1' as ExternalId };
});
afterEach(() => bench.cleanup());

const described = (more: object = {}): object => ({ success: true, instance: { external_id: 'vm-1', ...more } });
const listing = (...instances: object[]): object => ({ success: true, instances });
const NONE = { success: true, instance: null };

describe('observe', () => {
  test.each<[string, unknown, object]>([
    ['healthy', { status: 'healthy', uptime_seconds: 90 }, { instance: { power: 'running', uptimeMs: 90_000 } }],
    ['healthy without saying since when', { status: 'healthy' }, { instance: { power: 'running' } }],
    ['healthy since "long ago"', { status: 'healthy', uptime_seconds: 'long ago' }, { instance: { power: 'running' } }],
    [
      'unhealthy',
      { status: 'unhealthy', reason: 'disk full' },
      { instance: { power: 'unknown' }, unhealthy: 'disk full' },
    ],
    ['unhealthy without a reason', { status: 'unhealthy' }, { unhealthy: 'no reason given' }],
    ['unknown', { status: 'unknown' }, { instance: { power: 'unknown' } }],
    ['of a new kind', { status: 'gone' }, { instance: { power: 'unknown' } }],
    ['a list', ['healthy'], { instance: { power: 'unknown' } }],
    ['not told', undefined, { instance: { power: 'unknown' } }],
  ])('takes a health that is %s', async (_name, health, expected) => {
    const farm = new Farm(bench, { get_instance: described(), health_check: { success: true, health } });
    expect(await (await farm.open()).observe(known, call())).toMatchObject({ state: 'present', ...expected });
    expect(farm.orders[1]).toEqual({ action: 'health_check', external_id: 'vm-1' });
  });

  test.each([
    ['fails', '{"success":false,"error":"no"}'],
    ['says nothing', ''],
    ['prints garbage', '\u0000\u0001{"success":true'],
  ])('keeps the machine present when the health check %s', async (_name, answer) => {
    const farm = new Farm(bench, { get_instance: described(), health_check: answer });
    expect(await (await farm.open()).observe(known, call())).toMatchObject({
      state: 'present',
      instance: { power: 'unknown' },
    });
  });

  test('does not ask a stopped machine how it is', async () => {
    const farm = new Farm(bench, { get_instance: described({ status: 'stopped' }) });
    expect(await (await farm.open()).observe(known, call())).toMatchObject({ instance: { power: 'stopped' } });
    expect(farm.actions).toEqual(['get_instance']);
  });

  test('hides what looks like a secret in the reason', async () => {
    const health = { status: 'unhealthy', reason: 'login root password=hunter22\nfailed' };
    const farm = new Farm(bench, { get_instance: described(), health_check: { success: true, health } });
    const seen = await (await farm.open()).observe(known, call());
    expect(seen).toMatchObject({ unhealthy: expect.stringContaining('failed') });
    expect(JSON.stringify(seen)).not.toContain('hunter22');
  });

  test('believes that a machine is gone only the list, where there is one', async () => {
    const farm = new Farm(bench, { get_instance: NONE, list: listing() });
    const provisioner = await farm.open(['list']);
    expect(await provisioner.observe(known, call())).toEqual({ state: 'absent' });
    farm.answer('list', listing({ external_id: 'vm-1', contract_id: one.order.stamp.contract, status: 'stopped' }));
    expect(await provisioner.observe(known, call())).toMatchObject({
      state: 'present',
      instance: { power: 'stopped' },
    });
    farm.answer('list', { ...listing(), complete: false });
    await expect(provisioner.observe(known, call())).rejects.toMatchObject({ kind: 'retry' });
  });

  test('else the one form that says it', async () => {
    const farm = new Farm(bench, { get_instance: NONE });
    const provisioner = await farm.open();
    expect(await provisioner.observe(known, call())).toEqual({ state: 'absent' });
    farm.answer('get_instance', { success: false, error: 'no such machine' });
    expect(await provisioner.observe(known, call())).toMatchObject({ state: 'unknown' });
    expect(await provisioner.observe(one.ref, call())).toMatchObject({ state: 'unknown' });
  });
});

describe('whatever a script prints', () => {
  // Answers near the truth, so that every branch is reached, and noise.
  const id = fc.oneof(fc.constantFrom('vm-1', 'vm-2', '', 'a\nb'), fc.nat(), fc.constant(null), fc.string());
  const contract = fc.constantFrom('SAME', 'f'.repeat(64), 'seven', null, 7, undefined);
  const instance = fc.oneof(
    fc.record(
      {
        external_id: id,
        contract_id: contract,
        status: fc.constantFrom('running', 'stopped', 'gone', 3),
        ip_address: fc.constantFrom('192.0.2.1', 'x', 9),
      },
      { requiredKeys: [] },
    ),
    fc.jsonValue(),
  );
  const answer = fc.oneof(
    fc.record(
      {
        success: fc.constantFrom(true, true, true, false, 'true', null),
        instance,
        instances: fc.oneof(fc.array(instance, { maxLength: 3 }), fc.jsonValue()),
        complete: fc.constantFrom(true, false, 'no'),
        health: fc.oneof(fc.record({ status: fc.constantFrom('healthy', 'unhealthy', 'absent') }), fc.jsonValue()),
        error: fc.jsonValue(),
        retry_possible: fc.jsonValue(),
      },
      { requiredKeys: [] },
    ),
    fc.jsonValue(),
  );
  const printed = fc.oneof(
    { weight: 5, arbitrary: answer.map((value) => Buffer.from(JSON.stringify(value) ?? '')) },
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.tuple(answer, fc.nat(40)).map(([value, cut]) => Buffer.from((JSON.stringify(value) ?? '').slice(0, -cut))),
  );

  function saysSuccess(bytes: Buffer): boolean {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null && 'success' in value && value.success === true;
  }

  /** What the answer would have to be for the script to have said it in so many words. */
  function saysGone(bytes: Buffer, withList: boolean): boolean {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (!saysSuccess(bytes) || typeof value !== 'object' || value === null) return false;
    if (!withList) return 'instance' in value && value.instance === null;
    return 'instances' in value && Array.isArray(value.instances);
  }

  test.each([
    ['without a list', [] as const],
    ['with a list', ['list'] as const],
  ])('%s, only plugin errors come of it, and never the belief that our machine is gone', async (_name, optional) => {
    const farm = new Farm(bench, {});
    const provisioner = await farm.open([...optional]);
    const contractId = one.order.stamp.contract;
    await fc.assert(
      fc.asyncProperty(printed, async (bytes) => {
        const text = Buffer.from(bytes.toString('latin1').replaceAll('"SAME"', `"${contractId}"`), 'latin1');
        for (const action of ['get_instance', 'list', 'health_check', 'provision', 'terminate']) {
          farm.answer(action, text);
        }
        const seen = await provisioner.observe(known, call()).catch(onlyPluginErrors);
        const gone = seen !== undefined && seen.state === 'absent';
        if (gone) expect(saysGone(text, optional.length > 0)).toBe(true);
        const removed = await provisioner.destroy(known, one.op()).then(() => true, onlyPluginErrors);
        if (removed) expect(optional.length > 0 ? saysGone(text, true) : saysSuccess(text)).toBe(true);
        await provisioner.create(one.order, one.op({ outcomeUnknown: true })).catch(onlyPluginErrors);
        await provisioner.list?.(call()).catch(onlyPluginErrors);
      }),
      { numRuns: 60 },
    );
  });

  function onlyPluginErrors(error: unknown): undefined {
    if (!isProvisionerError(error)) throw error;
  }
});
