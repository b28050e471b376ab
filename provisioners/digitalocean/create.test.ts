import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Droplet } from '../../simulators/digitalocean/state.ts';
import { createVirtualClock, type VirtualClock } from '../../src/platform/virtual-clock.ts';
import { operation, sampleOrder } from '../../src/provisioner/conformance.ts';
import { type Instance, type MachineOrder, Secret, silentLog, systemRandom } from '../../src/provisioner/index.ts';
import { AGENT, openTarget, played, refusalOf, settingsOf } from './fixtures.ts';
import { fingerprintOf, NOBODYS_KEY } from './keys.ts';
import { openDigitalOcean } from './provisioner.ts';

let clock: VirtualClock;
let opened: ReturnType<typeof openTarget>;

function open(given: Omit<Parameters<typeof openTarget>[0], 'clock'> = {}): void {
  clock = createVirtualClock();
  opened = openTarget({ clock, ...given });
}

beforeEach(() => open());
afterEach(() => opened.close());

function create(order: MachineOrder, op = operation(order.stamp)): Promise<Instance> {
  return played(clock, opened.provisioner.create(order, op));
}

function only(): Droplet {
  const [droplet, ...more] = opened.core.account.droplets.values();
  if (!droplet || more.length > 0) throw new Error(`there are ${more.length + (droplet ? 1 : 0)} droplets`);
  return droplet;
}

/** The bodies of all orders that arrived. */
function orders(): Record<string, unknown>[] {
  const bodies: Record<string, unknown>[] = [];
  opened.core.onExchange(({ call, request }) => {
    if (call === 'POST /droplets') bodies.push(JSON.parse(request.body ?? '{}') as Record<string, unknown>);
  });
  return bodies;
}

describe('what is ordered', () => {
  test('is the default size, region and image, with the stamp in its tags, IPv6, and no agent of the provider’s', async () => {
    const bodies = orders();
    const order = sampleOrder(AGENT);
    const { contract, operation: id } = order.stamp;
    const instance = await create(order);
    expect(bodies).toMatchObject([
      {
        name: order.name,
        size: 's-1vcpu-1gb',
        region: 'nyc3',
        image: 'ubuntu-24-04-x64',
        ssh_keys: [fingerprintOf(NOBODYS_KEY)],
        tags: [`dc-order:${contract}:${id}`, `dc-agent:${AGENT}`],
        ipv6: true,
        with_droplet_agent: false,
      },
    ]);
    expect(instance.ipv4).toMatch(/^198\.18\./);
    expect(instance.ipv6).toMatch(/^2001:db8:/);
    expect(instance.ssh).toEqual({ host: instance.ipv4, port: 22, user: 'root' });
  });

  test('has the document of the order as it is, to the last byte that may be', async () => {
    const text = `#cloud-config\n# ${'x'.repeat(64 * 1024 - 17)}`;
    await create(sampleOrder(AGENT, { userData: new Secret(text) }));
    expect(only().userData).toBe(text);
    const refusal = await refusalOf(create(sampleOrder(AGENT, { userData: new Secret(`${text}é`) })));
    expect(refusal.kind).toBe('permanent');
    expect(opened.core.calls.get('POST /droplets')).toBe(1);
  });

  test('never makes a tenant’s key one of the account, and adds the one key of all only once', async () => {
    const all = Array.from({ length: 5 }, () => create(sampleOrder(AGENT)));
    await Promise.all(all);
    expect([...opened.core.account.keys.values()].map(({ publicKey }) => publicKey)).toEqual([NOBODYS_KEY]);
    expect(opened.core.calls.get('POST /account/keys')).toBe(1);
    expect([...opened.core.account.droplets.values()].some(({ mailedPassword }) => mailedPassword)).toBe(false);
  });

  test('finds a key that went away behind its back, and goes on', async () => {
    await create(sampleOrder(AGENT));
    opened.core.account.keys.clear();
    const order = sampleOrder(AGENT);
    expect((await refusalOf(create(order))).kind).toBe('retry');
    await create(order, operation(order.stamp, { attempt: 2 }));
  });

  test('has the tag that the firewall covers, without which nothing is made', async () => {
    await opened.close();
    open({ settings: { firewall: 'web' } });
    expect(await refusalOf(create(sampleOrder(AGENT)))).toMatchObject({ kind: 'config', message: /no firewall web/ });
    opened.core.admin.addFirewall('web', []);
    expect(await refusalOf(create(sampleOrder(AGENT)))).toMatchObject({ kind: 'config', message: /covers no tag/ });
    opened.core.account.firewalls.clear();
    opened.core.admin.addFirewall('web', ['shielded']);
    await create(sampleOrder(AGENT));
    expect(only().tags).toContain('shielded');
  });

  test('is in the VPC of its region', async () => {
    await opened.close();
    const [here, there] = ['760e09ef-dc84-41e8-981e-3cfdfeaae000', '760e09ef-dc84-41e8-981e-3cfdfeaae001'];
    open({ settings: { vpcs: [there, here] } });
    expect(await refusalOf(create(sampleOrder(AGENT)))).toMatchObject({ kind: 'config', message: /no VPC/ });
    opened.core.account.vpcs.set(here, { id: here, name: 'here', region: 'nyc3', isDefault: false });
    opened.core.account.vpcs.set(there, { id: there, name: 'there', region: 'fra1', isDefault: false });
    await create(sampleOrder(AGENT));
    expect(only().vpc).toBe(here);
  });
});

describe('what an order may name', () => {
  test('is taken from the lists, and nothing else is', async () => {
    await create(sampleOrder(AGENT, { settings: { size: 's-2vcpu-4gb', region: 'fra1' } }));
    expect(only()).toMatchObject({ size: { slug: 's-2vcpu-4gb' }, region: { slug: 'fra1' } });
    for (const settings of [{ size: 's-4vcpu-8gb' }, { region: 'sgp1' }, { image: 'fedora-43-x64' }]) {
      expect((await refusalOf(create(sampleOrder(AGENT, { settings })))).kind).toBe('permanent');
    }
  });

  test('is the default alone where orders may name nothing', async () => {
    await opened.close();
    open({ settings: { orders_may_name: [] } });
    const asked = { size: 's-1vcpu-1gb', region: 'nyc3', image: 'ubuntu-24-04-x64' };
    await create(sampleOrder(AGENT, { settings: asked }));
    expect((await refusalOf(create(sampleOrder(AGENT, { settings: { region: 'fra1' } })))).kind).toBe('permanent');
  });

  test('is made as large as the offering says, or not at all', async () => {
    await create(sampleOrder(AGENT, { memoryMb: 4_096 }));
    expect(only().size.slug).toBe('s-2vcpu-4gb');
    const refusal = await refusalOf(create(sampleOrder(AGENT, { cpuCores: 64 })));
    expect(refusal).toMatchObject({ kind: 'permanent', publicText: /larger than any/ });
  });

  test('may be an image of the account’s own, by its number', async () => {
    await opened.close();
    open({ settings: { default_image: '900' } });
    const bodies = orders();
    await create(sampleOrder(AGENT));
    expect(bodies).toMatchObject([{ image: 900 }]);
  });
});

describe('when something is out of stock', () => {
  test('the next region takes its place, and the size that was refused is left alone for a while', async () => {
    opened.core.admin.setStock('s-1vcpu-1gb', 'nyc3', 'refused');
    await create(sampleOrder(AGENT));
    await create(sampleOrder(AGENT));
    const made = [...opened.core.account.droplets.values()].map(({ size, region }) => `${size.slug} ${region.slug}`);
    expect(made).toEqual(['s-1vcpu-1gb fra1', 's-1vcpu-1gb fra1']);
    expect(opened.core.calls.get('POST /droplets')).toBe(3);
  });

  test('what the order names is replaced only where the settings allow it, and the tenant is told', async () => {
    opened.core.admin.setStock('s-1vcpu-1gb', 'nyc3', 'refused');
    const settings = { size: 's-1vcpu-1gb', region: 'nyc3' };
    expect((await refusalOf(create(sampleOrder(AGENT, { settings })))).kind).toBe('capacity');
    await opened.close();
    open({ settings: { substitute: 'region' } });
    opened.core.admin.setStock('s-1vcpu-1gb', 'nyc3', 'refused');
    const instance = await create(sampleOrder(AGENT, { settings }));
    expect(only().region.slug).toBe('fra1');
    expect(instance.additionalDetails).toBe(
      'This machine is a s-1vcpu-1gb in fra1, because s-1vcpu-1gb in nyc3 was out of stock.',
    );
  });

  test('a full account is capacity, is asked again only after a while, and shows in the inventory', async () => {
    opened.core.admin.setDropletLimit(0);
    expect((await refusalOf(create(sampleOrder(AGENT)))).kind).toBe('capacity');
    opened.core.admin.setDropletLimit(1);
    expect((await refusalOf(create(sampleOrder(AGENT)))).kind).toBe('capacity');
    expect(opened.core.calls.get('POST /droplets')).toBe(1);
    const ctx = operation(sampleOrder(AGENT).stamp);
    expect((await played(clock, opened.provisioner.inventory(ctx))).machinesFree).toBe(0);
    await clock.advance(600_000);
    await create(sampleOrder(AGENT));
  });

  test('a size that does not exist is for the operator to correct, and fails no order', async () => {
    await opened.close();
    open({ settings: { default_size: 's-gone', sizes: [] } });
    expect((await refusalOf(create(sampleOrder(AGENT)))).kind).toBe('config');
  });
});

describe('a droplet that does not come up', () => {
  test.each([
    ['whose action is errored', { kind: 'fail-action' }],
    ['that takes longer than the limit', { kind: 'slow', ms: 1_200_000 }],
  ] as const)('%s is deleted, and the next attempt makes another', async (_, fault) => {
    opened.core.faults.add({ call: 'POST /droplets', fault });
    const order = sampleOrder(AGENT);
    const op = operation(order.stamp);
    expect((await refusalOf(create(order, op))).kind).toBe('retry');
    await clock.advance(60_000);
    const made = await create(order, operation(order.stamp, { attempt: 2, handles: { ...op.handles } }));
    expect(only().id).toBe(Number(made.externalId));
  });

  test('as far as its action tells, because the API has forgotten that, is up all the same', async () => {
    opened.core.faults.add({ call: 'POST /droplets', fault: { kind: 'forget-action' } });
    expect((await create(sampleOrder(AGENT))).power).toBe('running');
    expect(opened.core.calls.get('POST /droplets')).toBe(1);
  });

  test('but is off is switched on', async () => {
    opened.core.faults.add({ call: 'POST /droplets', fault: { kind: 'stays-off' } });
    expect((await create(sampleOrder(AGENT))).power).toBe('running');
    expect(opened.core.calls.get('POST /droplets/{id}/actions')).toBe(1);
  });
});

describe('of the tags', () => {
  test('that the provider never puts on, the agent puts on its own droplet', async () => {
    opened.core.faults.add({ call: 'POST /droplets', fault: { kind: 'no-tags' } });
    const order = sampleOrder(AGENT);
    await create(order);
    expect(only().tags).toEqual([`dc-order:${order.stamp.contract}:${order.stamp.operation}`, `dc-agent:${AGENT}`]);
  });

  test('that are to come, a destroy waits for them instead of believing that there is nothing', async () => {
    await opened.close();
    open({ options: { timings: { tagMs: 40_000 } } });
    const order = sampleOrder(AGENT);
    opened.core.faults.add({ call: 'POST /droplets', fault: { kind: 'drop-after' } });
    const cancel = new AbortController();
    const half = opened.provisioner.create(order, operation(order.stamp, { signal: cancel.signal }));
    half.catch(() => {});
    while (opened.core.account.droplets.size === 0) await clock.advance(10);
    cancel.abort(new Error('the agent stops'));
    await played(clock, opened.provisioner.destroy({ stamp: order.stamp, handles: {} }, operation(order.stamp)));
    expect(opened.core.account.droplets.size).toBe(0);
  });
});

test('a clock of this host’s that is wrong by an hour keeps nobody waiting for ever', async () => {
  const order = sampleOrder(AGENT);
  const stranger = opened.core.admin.addForeign({ name: order.name });
  const wrong = { ...clock, now: () => clock.now() - 3_600_000 };
  const deps = { agent: AGENT, target: 'digitalocean', clock: wrong, random: systemRandom, log: silentLog };
  const provisioner = openDigitalOcean({ access: opened.access, deps, settings: settingsOf() });
  const began = clock.monotonic();
  await played(clock, provisioner.destroy({ stamp: order.stamp, handles: {} }, operation(order.stamp)));
  expect(clock.monotonic() - began).toBeLessThan(90_000);
  expect(only().id).toBe(stranger);
});

describe('of two that a race made', () => {
  test('the oldest stays, and the next attempt removes the other', async () => {
    const order = sampleOrder(AGENT);
    const first = await create(order);
    const { tags, name } = only();
    opened.core.admin.addForeign({ name, tags });
    const kept = await create(order, operation(order.stamp, { attempt: 2, outcomeUnknown: true }));
    await clock.advance(10_000);
    expect(kept.externalId).toBe(first.externalId);
    expect(String(only().id)).toBe(first.externalId);
  });

  test('a create that finds an older one beside its own brings that up, and removes its own', async () => {
    const order = sampleOrder(AGENT);
    // The first request arrives when the second has just been sent.
    opened.core.faults.add({ call: 'POST /droplets', fault: { kind: 'delay', ms: 30_000, at: 'before' } });
    const cancel = new AbortController();
    const first = opened.provisioner.create(order, operation(order.stamp, { signal: cancel.signal }));
    first.catch(() => {});
    await clock.advance(2_000);
    cancel.abort(new Error('the agent stops'));
    opened.core.faults.add({ call: 'POST /droplets', fault: { kind: 'delay', ms: 28_500, at: 'before' } });
    const kept = await create(order, operation(order.stamp, { attempt: 2, outcomeUnknown: true }));
    await clock.advance(10_000);
    expect(opened.core.calls.get('POST /droplets')).toBe(2);
    expect(String(only().id)).toBe(kept.externalId);
    expect(only().status).toBe('active');
  });

  test('a create whose request arrives after it was given up ends with one', async () => {
    opened.core.faults.add({ call: 'POST /droplets', fault: { kind: 'delay', ms: 90_000, at: 'before' } });
    const order = sampleOrder(AGENT);
    const op = operation(order.stamp);
    expect((await refusalOf(create(order, op))).kind).toBe('unknown-outcome');
    const made = await create(order, operation(order.stamp, { attempt: 2, outcomeUnknown: true }));
    await clock.advance(90_000);
    expect(opened.core.account.droplets.size).toBe(2);
    const ctx = operation(order.stamp);
    const { instances } = await played(clock, opened.provisioner.list(ctx));
    const late = instances.find(({ externalId }) => externalId !== made.externalId);
    if (late === undefined) throw new Error('the second droplet is not in the list');
    const keep = { stamp: order.stamp, externalId: made.externalId, handles: {} };
    await played(clock, opened.provisioner.removeTwin(late.externalId, keep, operation(order.stamp)));
    expect(String(only().id)).toBe(made.externalId);
  });
});

test('an endpoint that knows nothing turns no deletion into a success, and no machine into a gone one', async () => {
  const order = sampleOrder(AGENT);
  const { externalId } = await create(order);
  const ref = { stamp: order.stamp, externalId, handles: {} };
  const nothing = { status: 404, headers: {}, body: '{"id":"not_found","message":"no such path"}' };
  const lie = (): void => void opened.tampers.push({ before: () => (lie(), nothing) });
  lie();
  expect((await refusalOf(played(clock, opened.provisioner.destroy(ref, operation(order.stamp))))).kind).toBe('config');
  expect((await refusalOf(played(clock, opened.provisioner.observe(ref, operation(order.stamp))))).kind).toBe('config');
  expect(only().status).toBe('active');
});

test('a cheat in the text of a refusal tells no secret', async () => {
  const userData = new Secret(
    '#cloud-config\n-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n',
  );
  const token = `dop_v1_${'5'.repeat(64)}`;
  const message = `cannot take ${userData.reveal()} from ${token}`;
  opened.core.faults.add({ call: 'POST /droplets', fault: { kind: 'error', id: 'bad_request', message } });
  const { message: told } = await refusalOf(create(sampleOrder(AGENT, { userData })));
  expect(told).toContain('cannot take #cloud-config [key] from [token]');
  expect(told).not.toContain('5555');
});
