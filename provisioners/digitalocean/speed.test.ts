import { afterEach, expect, test } from 'vitest';
import { createVirtualClock } from '../../src/platform/virtual-clock.ts';
import { operation, sampleOrder } from '../../src/provisioner/conformance.ts';
import type { CallContext, Instance } from '../../src/provisioner/index.ts';
import { AGENT, depsOf, type Opened, openTarget, played } from './fixtures.ts';
import { agentTag, orderTag } from './tags.ts';

let opened: Opened | undefined;
afterEach(() => opened?.close());

function sum({ core }: Opened): number {
  return [...core.calls.values()].reduce((all, each) => all + each, 0);
}

/** The answers with 429 among everything that happens from now on. */
function refusals({ core }: Opened): { count: number } {
  const seen = { count: 0 };
  core.onExchange(({ answer }) => {
    if (answer.status === 429) seen.count++;
  });
  return seen;
}

const ctx = (): CallContext => ({ signal: new AbortController().signal, log: depsOf(createVirtualClock()).log });

test('a burst of fifty stays inside both limits without a single refusal, and takes little longer than one', async () => {
  const clock = createVirtualClock();
  const target = (opened = openTarget({ clock }));
  const refused = refusals(target);
  const times: number[] = [];
  const began = clock.monotonic();
  const all = Array.from({ length: 50 }, async (): Promise<Instance> => {
    const order = sampleOrder(AGENT);
    const instance = await target.provisioner.create(order, operation(order.stamp));
    times.push(clock.monotonic() - began);
    return instance;
  });
  await played(clock, Promise.all(all), 250);
  expect(target.core.account.droplets.size).toBe(50);
  expect(refused.count).toBe(0);
  // The provider itself takes 33.5 s.
  expect(Math.max(...times)).toBeLessThan(33_500 * 1.2);
  expect(sum(target)).toBeLessThan(50 * 3);
});

test('a single create adds little to what the provider takes, and few requests', async () => {
  const clock = createVirtualClock();
  const target = (opened = openTarget({ clock }));
  const order = sampleOrder(AGENT);
  const began = clock.monotonic();
  await played(clock, target.provisioner.create(order, operation(order.stamp)), 50);
  expect(clock.monotonic() - began).toBeLessThan(33_500 + 3_500);
  expect(sum(target)).toBeLessThan(40);
});

test('two hundred machines that nobody touches cost at most two requests a minute', async () => {
  const clock = createVirtualClock();
  const target = (opened = openTarget({ clock, options: { dropletLimit: 1_000 } }));
  for (let each = 0; each < 200; each++) {
    const { stamp, name } = sampleOrder(AGENT);
    target.core.admin.addForeign({ name, tags: [orderTag(stamp), agentTag(AGENT)] });
  }
  // What the agent does all the time: lists, and looks at capacity.
  for (let minute = 0; minute < 30; minute++) {
    for (let half = 0; half < 2; half++) {
      const listing = await played(clock, target.provisioner.list(ctx()), 1_000);
      expect(listing.instances.length).toBe(200);
      expect(listing.complete).toBe(true);
      await played(clock, target.provisioner.inventory(ctx()), 1_000);
      await clock.advance(29_000);
    }
  }
  expect(sum(target) / (clock.monotonic() / 60_000)).toBeLessThanOrEqual(2);
});

test('when the hour is used up, deletions still go, and orders are told when some of it will be back', async () => {
  const clock = createVirtualClock();
  const target = (opened = openTarget({ clock }));
  const [old, fresh] = [sampleOrder(AGENT), sampleOrder(AGENT)];
  const { externalId } = await played(clock, target.provisioner.create(old, operation(old.stamp)));
  target.core.admin.spendRequests(4_600);
  await played(clock, target.provisioner.list(ctx()));
  const refused = refusals(target);
  const making = target.provisioner.create(fresh, operation(fresh.stamp)).then(
    () => 'made' as const,
    (error: unknown) => error,
  );
  const began = clock.monotonic();
  const ref = { stamp: old.stamp, externalId, handles: {} };
  await played(clock, target.provisioner.destroy(ref, operation(old.stamp)), 250);
  expect(clock.monotonic() - began).toBeLessThan(30_000);
  expect(target.core.account.droplets.size).toBe(0);
  // Told when the oldest requests of the other tools expire, and not before.
  expect(await played(clock, making, 10_000)).toMatchObject({ kind: 'throttled' });
  expect(refused.count).toBe(0);
});
