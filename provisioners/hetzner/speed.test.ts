import { beforeEach, describe, expect, test } from 'vitest';
import { type HetznerChoices, SIMULATOR_TOKEN } from '../../simulators/hetzner/options.ts';
import { createVirtualClock, type VirtualClock } from '../../src/platform/virtual-clock.ts';
import { operation, sampleOrder } from '../../src/provisioner/conformance.ts';
import { type Instance, silentLog } from '../../src/provisioner/index.ts';
import { AGENT, type Opened, openTarget, played } from './fixtures.ts';
import { stampLabels } from './labels.ts';

let clock: VirtualClock;
let opened: Opened;

function open(settings: Record<string, unknown> = {}, options: HetznerChoices = {}): void {
  clock = createVirtualClock();
  opened = openTarget({ clock, settings, options });
  refusals = 0;
  opened.core.onExchange(({ answer }) => {
    if (answer.status === 429) refusals++;
  });
}
let refusals = 0;

const context = () => ({ signal: new AbortController().signal, log: silentLog });

/** What the API says of its bucket, asked by somebody else. */
async function told(): Promise<Readonly<Record<string, string>>> {
  const { headers } = opened.core.handle({
    method: 'GET',
    path: '/v1/locations',
    headers: { authorization: `Bearer ${SIMULATOR_TOKEN}` },
  });
  return headers;
}

function requests(): number {
  return [...opened.core.calls.values()].reduce((sum, count) => sum + count, 0);
}

/** So many machines at once; virtual ms until the last is there. */
async function burst(count: number): Promise<{ ms: number; instances: readonly Instance[] }> {
  const began = clock.monotonic();
  const orders = Array.from({ length: count }, () => sampleOrder(AGENT));
  const creates = orders.map((order) => opened.provisioner.create(order, operation(order.stamp)));
  const instances = await played(clock, Promise.all(creates));
  return { ms: clock.monotonic() - began, instances };
}

describe('the time that a machine takes', () => {
  /** 8 s to make and 3 s to start, as the simulator has them. */
  const PROVIDERS_MS = 11_000;

  beforeEach(() => open());

  test('is at most a second more than the provider’s own', async () => {
    await burst(1);
    for (let time = 0; time < 5; time++) {
      await clock.advance(977);
      const { ms } = await burst(1);
      expect(ms).toBeGreaterThanOrEqual(PROVIDERS_MS);
      expect(ms).toBeLessThanOrEqual(PROVIDERS_MS + 1_000);
    }
  });

  test('is the same for fifty at once, which cost few requests more than fifty', async () => {
    const { ms, instances } = await burst(50);
    expect(new Set(instances.map(({ externalId }) => externalId)).size).toBe(50);
    expect(ms).toBeLessThanOrEqual(PROVIDERS_MS * 1.2);
    expect(refusals).toBe(0);
    // Polls of 25 actions each, and looks at 25 servers each.
    expect(requests()).toBeLessThan(50 + 80);
  });
});

describe('fifty machines at once, when few requests are left', () => {
  test.each([40, 20, 0])(
    'are there as soon as %i requests beyond the reserve allow, without a single 429',
    async (spare) => {
      const reserve = 290;
      open({ reserve_requests: reserve });
      // The first machine tells the agent what is left, and leaves the SSH key behind.
      opened.core.admin.spendRequests(3_600 - reserve - spare);
      await burst(1);
      const left = Number((await told())['ratelimit-remaining']);
      const { ms } = await burst(50);
      // A request a second beyond what is there: fifty to make them, and then the provider's own eleven seconds.
      const ideal = Math.max(0, 50 - (left - reserve)) * 1_000 + 11_000;
      expect(refusals).toBe(0);
      expect(ms / ideal).toBeLessThanOrEqual(1.2);
    },
  );

  test('leave the reserve to deletions', async () => {
    open({ reserve_requests: 200 });
    opened.core.admin.spendRequests(3_390);
    const [first] = (await burst(1)).instances;
    let least = Number.POSITIVE_INFINITY;
    opened.core.onExchange(({ answer }) => {
      least = Math.min(least, Number(answer.headers['ratelimit-remaining']));
    });
    await burst(20);
    expect(least).toBeGreaterThanOrEqual(200);
    opened.core.admin.spendRequests(150);
    const began = clock.monotonic();
    if (first) {
      const op = operation(first.stamp);
      await played(
        clock,
        opened.provisioner.destroy({ stamp: first.stamp, externalId: first.externalId, handles: {} }, op),
      );
    }
    expect(clock.monotonic() - began).toBeLessThan(10_000);
    expect(refusals).toBe(0);
  });
});

describe('two hundred machines that nobody touches', () => {
  test('cost at most two requests a minute', async () => {
    open();
    for (let count = 0; count < 200; count++) {
      const { stamp, name } = sampleOrder(AGENT);
      opened.core.admin.addForeign({ name, labels: stampLabels(stamp) });
    }
    const { provisioner } = opened;
    const before = requests();
    const minutes = 120;
    for (let cycle = 0; cycle < minutes * 2; cycle++) {
      const ctx = context();
      const [listing] = await played(
        clock,
        Promise.all([provisioner.list(ctx), provisioner.inventory(ctx), provisioner.traffic(ctx)]),
      );
      expect(listing.complete && listing.instances.length).toBe(200);
      await clock.advance(30_000);
    }
    expect((requests() - before) / minutes).toBeLessThanOrEqual(2);
  });
});
