import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Fault } from '../../simulators/vultr/faults.ts';
import type { VultrChoices } from '../../simulators/vultr/options.ts';
import { createVirtualClock, type VirtualClock } from '../../src/platform/virtual-clock.ts';
import { everyText } from '../../src/provisioner/conformance/judge.ts';
import { again, operation, sampleOrder } from '../../src/provisioner/conformance/operations.ts';
import { type Log, type MachineOrder, type Operation, Secret } from '../../src/provisioner/index.ts';
import { AGENT, type Opened, openTarget, played, refusalOf } from './fixtures.ts';
import { stampTags, TAG } from './tags.ts';

const SOME_ID = '7a1f5c0e-2b3d-4e5f-8a9b-0c1d2e3f4a5b';

let clock: VirtualClock;
let opened: Opened;

function open(settings: Record<string, unknown> = {}, options: VultrChoices = {}): void {
  clock = createVirtualClock();
  opened = openTarget({ clock, settings, options });
}

beforeEach(() => open());
afterEach(() => opened.close());

const create = (order: MachineOrder, op: Operation = operation(order.stamp)) =>
  played(clock, opened.provisioner.create(order, op));
const refused = (order: MachineOrder, op?: Operation) => refusalOf(create(order, op));
const instances = () => [...opened.core.account.instances.values()];
const calls = (call: string): number => opened.core.calls.get(call) ?? 0;
const fault = (given: Fault, call = 'POST /instances') => opened.core.faults.add({ call, fault: given });
const ordering = (settings: Record<string, unknown>, more: Partial<MachineOrder> = {}) =>
  sampleOrder(AGENT, { settings, ...more });

describe('a new machine', () => {
  test('is an instance with the name, the stamp and the tenant’s key, and nobody is mailed its password', async () => {
    const bodies: string[] = [];
    opened.core.onExchange(({ call, request }) => {
      if (call === 'POST /instances') bodies.push(request.body ?? '');
    });
    const order = sampleOrder(AGENT);
    const instance = await create(order);
    const [made] = instances();
    expect(made).toMatchObject({ label: order.name, hostname: order.name, tags: stampTags(order.stamp), osId: 2136 });
    expect(made?.userData).toContain(order.sshKey);
    expect(made?.userData).toContain('ssh_pwauth: false');
    expect(JSON.parse(bodies[0] ?? '')).toMatchObject({ activation_email: false, enable_ipv6: true });
    expect(instance).toMatchObject({ externalId: made?.id, power: 'running', ssh: { port: 22, user: 'root' } });
    expect(instance.ssh?.host).toBe(instance.ipv4);
    expect(instance.ipv6).toBe(made?.ipv6);
  });

  test('is handed over only when everything says that it is up, its address included', async () => {
    const began = clock.monotonic();
    const instance = await create(sampleOrder(AGENT));
    expect(clock.monotonic() - began).toBeGreaterThanOrEqual(30_000);
    expect(clock.monotonic() - began).toBeLessThanOrEqual(33_000);
    expect(instance.ipv4).toMatch(/^198\.18\./);
  });

  test('has a document of the order’s as it is, and one that is too large is refused before anything is asked for', async () => {
    const document = `#cloud-config\n# ${'ü'.repeat(100)}\n`;
    await create(sampleOrder(AGENT, { userData: new Secret(document) }));
    expect(instances()[0]?.userData).toBe(document);
    const before = calls('POST /instances');
    const error = await refused(sampleOrder(AGENT, { userData: new Secret('x'.repeat(32 * 1024 + 1)) }));
    expect(error).toMatchObject({ kind: 'permanent' });
    expect(calls('POST /instances')).toBe(before);
    expect(await create(sampleOrder(AGENT, { userData: new Secret('x'.repeat(32 * 1024)) }))).toBeDefined();
  });

  test('shows the host key that was made for it, and lets the agent in beside the tenant', async () => {
    const privateKey = new Secret('-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n');
    const agentKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA';
    const order = sampleOrder(AGENT, { hostKey: { privateKey, publicKey: 'ssh-ed25519 AAAA' }, agentKey });
    const instance = await create(order);
    const guest = opened.core.guestAt(instance.ipv4 ?? '');
    expect(guest?.authorizedKeys).toEqual([order.sshKey, agentKey]);
    expect(guest?.ownHostKey).toBe(privateKey.reveal());
    expect(guest?.password).toBeUndefined();
  });

  test('is remembered by the id in the raw answer, also when that breaks off behind it or has a new shape', async () => {
    for (const broken of [
      (body: string) => body.slice(0, 80),
      (body: string) => `{"instance":{"id":"${JSON.parse(body).instance.id}","tags":7},"more":[]}`,
    ]) {
      opened.tampers.push({
        after: ({ method, path }, response) =>
          method === 'POST' && path === '/instances' ? { ...response, body: broken(response.body) } : undefined,
      });
      const order = sampleOrder(AGENT);
      const op = operation(order.stamp);
      await create(order, op);
      expect(op.handles['instance']).toBe(instances().at(-1)?.id);
    }
    expect(instances()).toHaveLength(2);
  });

  test('leaves a trace before it is asked for, and its id before anything is waited for', async () => {
    const order = sampleOrder(AGENT);
    const seen: [string, number][] = [];
    await create(order, operation(order.stamp, { onRemember: (key) => void seen.push([key, instances().length]) }));
    expect(seen).toEqual([
      ['endpoint', 0],
      ['asked', 0],
      ['instance', 1],
    ]);
  });

  test('has a password that is kept nowhere: not in a handle, a log line, an error, or what is handed over', async () => {
    const order = sampleOrder(AGENT);
    const lines: unknown[] = [];
    const write = (...line: unknown[]): void => void lines.push(inspect(line, { depth: 8 }));
    const log: Log = { debug: write, info: write, warn: write, error: write, child: () => log };
    const op = { ...operation(order.stamp), log };
    opened.core.faults.add({ call: 'POST /instances', fault: { kind: 'error', status: 500, processed: true } });
    const instance = await create(order, op);
    const password = instances()[0]?.password ?? 'none';
    expect(password).toHaveLength(16);
    expect(lines.length).toBeGreaterThan(0);
    expect(JSON.stringify([instance, op.handles, lines])).not.toContain(password);
    fault({ kind: 'late-tags', ms: 60_000 });
    opened.tampers.push({
      after: ({ method }, response) =>
        method === 'POST' ? { ...response, body: response.body.replace('"id"', '"no-id"') } : undefined,
    });
    const error = await refused(sampleOrder(AGENT));
    expect(error.kind).toBe('unknown-outcome');
    expect(everyText(error)).not.toContain(instances()[1]?.password);
  });

  test('has its firewall from the first moment, and waits for an operator where there is none', async () => {
    open({ firewall_group: SOME_ID });
    expect(await refused(sampleOrder(AGENT))).toMatchObject({ kind: 'config' });
    expect(instances()).toEqual([]);
    opened.core.admin.addFirewall('tenants', SOME_ID);
    await create(sampleOrder(AGENT));
    expect(instances()[0]?.firewallGroup).toBe(SOME_ID);
  });

  test('has no IPv4 address where none is wanted, and is ready without', async () => {
    open({ ipv4: 'none', plans: ['vc2-1c-0.5gb-v6'], regions: ['ewr'] });
    const instance = await create(sampleOrder(AGENT));
    expect(instance.ipv4).toBeUndefined();
    expect(instance.ssh?.host).toBe(instance.ipv6);
    open({ plans: ['vc2-1c-0.5gb-v6'], regions: ['ewr'] });
    expect(await refused(sampleOrder(AGENT))).toMatchObject({ kind: 'permanent' });
  });

  test('is made from a marketplace image, or from a snapshot that is complete and fits', async () => {
    open({ image: 'image:docker' });
    await create(sampleOrder(AGENT));
    expect(instances()[0]).toMatchObject({ imageId: 'docker' });
    open({ image: `snapshot:${SOME_ID}`, plans: ['vc2-1c-1gb', 'vc2-4c-8gb'] });
    expect(await refused(sampleOrder(AGENT))).toMatchObject({ kind: 'config' });
    opened.core.admin.addSnapshot({ id: SOME_ID, pending: true });
    expect(await refused(sampleOrder(AGENT))).toMatchObject({ kind: 'config' });
    expect(calls('POST /instances')).toBe(0);
    opened.core.admin.addSnapshot({ id: SOME_ID, size: 100 * 2 ** 30 });
    await create(sampleOrder(AGENT));
    expect(instances()[0]).toMatchObject({ snapshotId: SOME_ID, plan: { id: 'vc2-4c-8gb' } });
  });
});

describe('only what was agreed', () => {
  test('is made: an offering that is not on the list is left to others, and nothing is asked for', async () => {
    expect(await refused(sampleOrder(AGENT, { offering: '2' }))).toMatchObject({ kind: 'capacity' });
    expect(opened.core.calls.size).toBe(0);
  });

  test('is made: plans, regions and images come from the provider’s lists', async () => {
    for (const settings of [{ plan: 'vc2-4c-8gb' }, { region: 'sgp' }, { image: 'os:1743' }, { image: 7 }]) {
      const error = await refused(ordering(settings));
      expect(error.kind).toBe('permanent');
      expect(error.publicText).toMatch(/is not available here/);
    }
    expect(instances()).toEqual([]);
  });

  test('is made: the first plan that is as large as ordered', async () => {
    await create(sampleOrder(AGENT, { cpuCores: 2, memoryMb: 4096, storageGb: 60 }));
    expect(instances()[0]?.plan.id).toBe('vhf-2c-4gb');
    expect(await refused(sampleOrder(AGENT, { cpuCores: 3 }))).toMatchObject({ kind: 'permanent' });
  });
});

describe('when something is out of stock', () => {
  test('the next region and plan on the lists is made', async () => {
    opened.core.admin.setStock('vc2-1c-1gb', 'ams', 'refused');
    opened.core.admin.setStock('vc2-1c-1gb', 'fra', 'refused');
    await create(sampleOrder(AGENT));
    expect(instances()[0]).toMatchObject({ plan: { id: 'vhf-2c-4gb' }, region: { id: 'ams' } });
    expect(calls('POST /instances')).toBe(3);
    // What was refused a moment ago is not asked for again at once.
    await create(sampleOrder(AGENT));
    expect(calls('POST /instances')).toBe(4);
  });

  test('what the catalogue calls sold out is not asked for', async () => {
    opened.core.admin.setStock('vc2-1c-1gb', 'ams', 'sold-out');
    await create(sampleOrder(AGENT));
    expect(instances()[0]).toMatchObject({ plan: { id: 'vc2-1c-1gb' }, region: { id: 'fra' } });
    expect(calls('POST /instances')).toBe(1);
  });

  test('what an offering names is replaced only where the provider allows it, and that is recorded', async () => {
    const named = { plan: 'vc2-1c-1gb', region: 'ams' };
    opened.core.admin.setStock('vc2-1c-1gb', 'ams', 'refused');
    expect(await refused(ordering(named))).toMatchObject({ kind: 'capacity' });
    for (const [substitute, plan, region] of [
      ['region', 'vc2-1c-1gb', 'fra'],
      ['plan', 'vhf-2c-4gb', 'ams'],
      ['both', 'vc2-1c-1gb', 'fra'],
    ] as const) {
      open({ substitute });
      opened.core.admin.setStock('vc2-1c-1gb', 'ams', 'refused');
      const instance = await create(ordering(named));
      expect(instances()[0]).toMatchObject({ plan: { id: plan }, region: { id: region } });
      expect(instances()[0]?.tags).toContain(`${TAG.ordered}vc2-1c-1gb_ams`);
      expect(instance.additionalDetails).toBe(
        `This machine is a ${plan} in ${region}, because vc2-1c-1gb in ams was out of stock.`,
      );
      await opened.close();
    }
    open();
  });

  test('the account’s own limit stops the sale for a while, and shows as no room', async () => {
    open({}, { maxInstances: 1 });
    await create(sampleOrder(AGENT));
    expect(await refused(sampleOrder(AGENT))).toMatchObject({ kind: 'capacity' });
    expect(await refused(sampleOrder(AGENT))).toMatchObject({ kind: 'capacity' });
    expect(calls('POST /instances')).toBe(2);
    const inventory = () => played(clock, opened.provisioner.inventory(operation(sampleOrder(AGENT).stamp)));
    expect((await inventory()).machinesFree).toBe(0);
    await clock.advance(181_000);
    expect((await inventory()).machinesFree).toBe(499);
  });
});

describe('a refusal of the order', () => {
  test.each([
    [400, 'Invalid user_data.', 'config'],
    [402, 'Payment required.', 'config'],
    [403, 'Forbidden.', 'config'],
    [404, 'Invalid firewall group.', 'config'],
    [423, 'Locked.', 'retry'],
    [500, 'Server add failed.', 'unknown-outcome'],
    [503, 'Maintenance.', 'unknown-outcome'],
  ] as const)('of status %i (%s) is %s, and never fails the contract', async (status, message, kind) => {
    fault({ kind: 'error', status, message });
    const order = sampleOrder(AGENT);
    const op = operation(order.stamp);
    expect(await refused(order, op)).toMatchObject({ kind });
    expect(instances()).toEqual([]);
    await create(order, again(op));
    expect(instances()).toHaveLength(1);
  });
});

describe('an instance that does not come up', () => {
  test('though it is there and free is started, and handed over', async () => {
    fault({ kind: 'stays-off' });
    const order = sampleOrder(AGENT);
    const onRemember = (key: string, id: string): void => {
      // Its first boot fails, and no other.
      if (key === 'instance') clock.after(28_500, () => opened.core.admin.setBoots(id, true));
    };
    await create(order, operation(order.stamp, { onRemember }));
    expect(instances()).toMatchObject([{ power: 'running' }]);
    expect(calls('POST /instances/{id}/start')).toBe(1);
  });

  test('however often it is started is deleted, because it costs its price', async () => {
    fault({ kind: 'stays-off' });
    const error = await refused(sampleOrder(AGENT));
    expect(error).toMatchObject({ kind: 'retry' });
    expect(error.message).toContain('it is active, stopped and ok');
    expect(calls('POST /instances/{id}/start')).toBe(3);
    expect(instances()).toEqual([]);
  });

  test('within its time is deleted as soon as Vultr lets go of it, however long it refuses to', async () => {
    open({ create_timeout_seconds: 60 }, { timings: { activateMs: 200_000 } });
    const began = clock.monotonic();
    expect((await refused(sampleOrder(AGENT))).message).toContain('it is pending, running and none');
    expect(clock.monotonic() - began).toBeGreaterThan(200_000);
    expect(calls('DELETE /instances/{id}')).toBeGreaterThan(5);
    expect(instances()).toEqual([]);
  });
});

describe('two instances for one order', () => {
  test('are not made when the first shows late in lists', async () => {
    const order = sampleOrder(AGENT);
    opened.core.faults.add({ call: 'POST /instances', fault: { kind: 'late-tags', ms: 30_000 } });
    opened.tampers.push({
      after: ({ method }, response) => (method === 'POST' ? { ...response, status: 502, body: '<html>' } : undefined),
    });
    const op = operation(order.stamp);
    expect(await refused(order, op)).toMatchObject({ kind: 'unknown-outcome' });
    const second = again(op);
    const instance = await create(order, second);
    expect(instances().map(({ id }) => id)).toEqual([instance.externalId]);
    expect(calls('POST /instances')).toBe(1);
  });

  test('are not made when its id is known and its tags are very late', async () => {
    const order = sampleOrder(AGENT);
    fault({ kind: 'late-tags', ms: 120_000 });
    const cancel = new AbortController();
    const onRemember = (key: string): void => {
      if (key === 'instance') cancel.abort(new Error('the process ends'));
    };
    const op = operation(order.stamp, { signal: cancel.signal, onRemember });
    await refused(order, op);
    const instance = await create(order, again(op));
    expect(instances().map(({ id }) => id)).toEqual([instance.externalId]);
    expect(calls('POST /instances')).toBe(1);
  });

  test('that were made all the same become one: the oldest is kept, and its id is what is remembered', async () => {
    const order = sampleOrder(AGENT);
    opened.core.faults.add({ call: 'POST /instances', fault: { kind: 'late-tags', ms: 70_000 } });
    opened.tampers.push({
      after: ({ method }, response) => (method === 'POST' ? { ...response, status: 502, body: '<html>' } : undefined),
    });
    const op = operation(order.stamp);
    await refused(order, op);
    const [oldest] = instances();
    const second = again(op);
    const instance = await create(order, second);
    expect(calls('POST /instances')).toBe(2);
    expect(instances().map(({ id }) => id)).toEqual([oldest?.id]);
    expect([instance.externalId, second.handles['instance']]).toEqual([oldest?.id, oldest?.id]);
  });

  test('are left alone where a list has holes: nothing is removed that way', async () => {
    const order = sampleOrder(AGENT);
    const ids = [1, 2].map(() => opened.core.admin.addForeign({ label: order.name, tags: stampTags(order.stamp) }));
    for (let time = 0; time < 20; time++) {
      opened.tampers.push({
        after: ({ path }, response) =>
          path.startsWith('/instances?label')
            ? { ...response, body: response.body.replace('"tags"', '"lost"') }
            : undefined,
      });
    }
    await create(order, operation(order.stamp, { attempt: 2, outcomeUnknown: true }));
    expect(instances().map(({ id }) => id)).toEqual(ids);
  });

  test('of which another agent made one are not made: it is handed back to that agent', async () => {
    const order = sampleOrder(AGENT);
    const tags = stampTags({ ...order.stamp, agent: 'b'.repeat(64) as typeof AGENT });
    const id = opened.core.admin.addForeign({ label: order.name, tags });
    expect(await refused(order)).toMatchObject({ kind: 'capacity' });
    expect(instances().map((each) => each.id)).toEqual([id]);
  });

  test('of which one carries another operation’s stamp are two machines', async () => {
    const order = sampleOrder(AGENT);
    const older = { ...order.stamp, operation: sampleOrder(AGENT).stamp.operation };
    const other = opened.core.admin.addForeign({ label: order.name, tags: stampTags(older) });
    await create(order, operation(order.stamp, { attempt: 2, outcomeUnknown: true }));
    expect(instances()).toHaveLength(2);
    expect(opened.core.account.instances.has(other)).toBe(true);
  });
});

test('a machine that was made at one endpoint is not looked for at another', async () => {
  const order = sampleOrder(AGENT);
  const instance = await create(order);
  const ref = {
    stamp: order.stamp,
    externalId: instance.externalId,
    handles: { endpoint: 'https://other.example/v2' },
  };
  const error = await refusalOf(played(clock, opened.provisioner.destroy(ref, operation(order.stamp))));
  expect(error).toMatchObject({ kind: 'config' });
  expect(instances()).toHaveLength(1);
});
