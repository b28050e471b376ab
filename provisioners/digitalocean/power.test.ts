import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createVirtualClock, type VirtualClock } from '../../src/platform/virtual-clock.ts';
import { operation, sampleOrder } from '../../src/provisioner/conformance.ts';
import type { OwnedRef } from '../../src/provisioner/index.ts';
import { AGENT, openTarget, played, refusalOf } from './fixtures.ts';

let clock: VirtualClock;
let opened: ReturnType<typeof openTarget>;
let ref: OwnedRef;
let id: number;
let verbs: string[];

beforeEach(async () => {
  clock = createVirtualClock();
  opened = openTarget({ clock });
  const order = sampleOrder(AGENT);
  const { externalId } = await played(clock, opened.provisioner.create(order, operation(order.stamp)));
  ref = { stamp: order.stamp, externalId, handles: {} };
  id = Number(externalId);
  verbs = [];
  opened.core.onExchange(({ call, request, answer }) => {
    if (call !== 'POST /droplets/{id}/actions') return;
    verbs.push(`${(JSON.parse(request.body ?? '{}') as { type: string }).type} ${answer.status}`);
  });
});
afterEach(() => opened.close());

const stop = () => played(clock, opened.provisioner.stop(ref, operation(ref.stamp)), 250);
const start = () => played(clock, opened.provisioner.start(ref, operation(ref.stamp)), 250);
const status = () => opened.core.account.droplets.get(id)?.status;

describe('stopping', () => {
  test('asks the machine, and switches nothing off that has gone off by itself', async () => {
    await stop();
    expect(status()).toBe('off');
    expect(verbs).toEqual(['shutdown 201']);
  });

  test('switches off a machine that does not listen, as soon as the request for it is given up', async () => {
    opened.core.admin.setGuest(id, { acpi: false });
    const began = clock.monotonic();
    await stop();
    expect(status()).toBe('off');
    expect(verbs[0]).toBe('shutdown 201');
    expect(verbs.at(-1)).toBe('power_off 201');
    expect(verbs.slice(1, -1).every((verb) => verb === 'power_off 422')).toBe(true);
    expect(clock.monotonic() - began).toBeLessThan(80_000);
  });

  test('waits for an event of somebody else’s', async () => {
    opened.core.admin.lock(id, 45_000);
    await stop();
    expect(status()).toBe('off');
  });

  test('reads the tags again before each order: a droplet that was taken away meanwhile is left as it is', async () => {
    opened.core.admin.lock(id, 10_000);
    const stopping = refusalOf(stop());
    await clock.advance(5_000);
    opened.core.admin.setTags(id, ['owner:somebody']);
    expect((await stopping).kind).toBe('not-ours');
    await clock.advance(60_000);
    expect(status()).toBe('active');
    expect(verbs.every((verb) => verb === 'shutdown 422')).toBe(true);
  });

  test('keeps the droplet, its tags and its addresses', async () => {
    const before = { ...opened.core.account.droplets.get(id) };
    await stop();
    const { tags, ipv4, ipv6 } = before;
    expect(opened.core.account.droplets.get(id)).toMatchObject({ tags, ipv4, ipv6 });
  });
});

describe('starting', () => {
  test('never deletes a tenant’s machine that does not come up', async () => {
    await stop();
    opened.core.admin.setGuest(id, { boots: false });
    const refusal = await refusalOf(start());
    expect(refusal).toMatchObject({ kind: 'retry', message: /stays off, though switched on 3 times/ });
    expect(status()).toBe('off');
    opened.core.admin.setGuest(id, { boots: true });
    expect((await start()).power).toBe('running');
  });

  test('leaves a running machine as it is', async () => {
    expect((await start()).externalId).toBe(String(id));
    expect(verbs).toEqual([]);
  });
});
