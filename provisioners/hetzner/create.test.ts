import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SIMULATOR_TOKEN } from '../../simulators/hetzner/options.ts';
import { createVirtualClock, type VirtualClock } from '../../src/platform/virtual-clock.ts';
import { silentLog } from '../../src/ports/log.ts';
import { answer } from '../../src/provisioner/cloud/fixtures.ts';
import { operation, sampleOrder } from '../../src/provisioner/conformance.ts';
import type { MachineOrder, Operation } from '../../src/provisioner/index.ts';
import { Secret } from '../../src/provisioner/index.ts';
import { AGENT, type Opened, openTarget, played, refusalOf } from './fixtures.ts';
import { NOBODYS_KEY } from './keys.ts';
import { LABEL, stampLabels } from './labels.ts';

let clock: VirtualClock;
let opened: Opened;

function open(settings: Record<string, unknown> = {}): void {
  clock = createVirtualClock();
  opened = openTarget({ clock, settings });
}

beforeEach(() => open());
afterEach(() => opened.close());

const create = (order: MachineOrder, op: Operation = operation(order.stamp)) =>
  played(clock, opened.provisioner.create(order, op));
const refused = (order: MachineOrder, op?: Operation) => refusalOf(create(order, op));
const servers = () => [...opened.core.project.servers.values()];
const calls = (call: string): number => opened.core.calls.get(call) ?? 0;
const ordering = (settings: Record<string, unknown>, more: Partial<MachineOrder> = {}) =>
  sampleOrder(AGENT, { settings, ...more });

describe('a new machine', () => {
  test('lets its tenant in as the user of the settings, whom the agent is told to make', async () => {
    open({ ssh_user: 'admin' });
    const made = await create(sampleOrder(AGENT));
    expect(made.ssh?.user).toBe('admin');
    expect(opened.provisioner.capabilities.userData?.user).toBe('admin');
    expect(
      (await played(clock, opened.provisioner.list({ signal: new AbortController().signal, log: silentLog })))
        .instances[0]?.ssh?.user,
    ).toBe('admin');
    expect(() => open({ ssh_user: 'admin; reboot' })).toThrow('expected the name of a Linux user');
  });

  test('lets its tenant in as the user whom the order names, before the settings', async () => {
    open({ ssh_user: 'admin' });
    expect(opened.provisioner.capabilities.loginUser).toBe(true);
    expect((await create(sampleOrder(AGENT, { user: 'deploy' }))).ssh?.user).toBe('deploy');
  });

  test('is a server with the name, the stamp, the tenant’s key and a key that lets nobody in', async () => {
    const order = sampleOrder(AGENT);
    const instance = await create(order);
    const [server] = servers();
    expect(server).toMatchObject({ name: order.name, labels: stampLabels(order.stamp), publicKeys: [NOBODYS_KEY] });
    expect(server?.userData).toContain(order.sshKey);
    expect(server?.rootPassword).toBeUndefined();
    expect(instance).toMatchObject({
      externalId: String(server?.id),
      power: 'running',
      ssh: { port: 22, user: 'root' },
    });
    expect(instance.ssh?.host).toBe(instance.ipv4);
    expect(instance.ipv6).toMatch(/::1$/);
  });

  test('is remembered by the id in the raw answer, although nothing else of that answer can be read', async () => {
    opened.tampers.push({
      after: ({ method, path }, { status, headers, body }) => {
        if (method !== 'POST' || path !== '/servers') return undefined;
        const { id } = JSON.parse(body).server;
        return { status, headers, body: `{"server":{"id":${id},"labels":7,"public_net":[]},"action":"new shape"}` };
      },
    });
    const order = sampleOrder(AGENT);
    const op = operation(order.stamp);
    await create(order, op);
    expect(op.handles['server']).toBe(String(servers()[0]?.id));
    expect(servers()).toHaveLength(1);
  });

  test('is remembered also by an answer that breaks off behind the id', async () => {
    opened.tampers.push({
      after: ({ method, path }, { status, headers, body }) =>
        method === 'POST' && path === '/servers' ? { status, headers, body: body.slice(0, 60) } : undefined,
    });
    const order = sampleOrder(AGENT);
    const op = operation(order.stamp);
    await create(order, op);
    expect(op.handles['server']).toBe(String(servers()[0]?.id));
  });

  test('is remembered before anything is waited for', async () => {
    const order = sampleOrder(AGENT);
    const seen: [string, string | undefined][] = [];
    await create(order, operation(order.stamp, { onRemember: (key) => void seen.push([key, servers()[0]?.status]) }));
    expect(seen).toEqual([
      ['server', 'initializing'],
      ['actions', 'initializing'],
    ]);
  });

  test('has its firewall from the first moment, and waits for an operator where there is none of that name', async () => {
    open({ firewall: 'tenants' });
    expect(await refused(sampleOrder(AGENT))).toMatchObject({ kind: 'config' });
    expect(calls('POST /servers')).toBe(0);
    const body = JSON.stringify({ name: 'tenants' });
    const headers = { authorization: `Bearer ${'dcAgentHetznerSimulator'.padEnd(64, '0')}` };
    expect(opened.core.handle({ method: 'POST', path: '/v1/firewalls', headers, body }).status).toBe(201);
    await create(sampleOrder(AGENT));
    const [firewall] = opened.core.project.firewalls.values();
    expect([...(firewall?.servers.keys() ?? [])]).toEqual([servers()[0]?.id]);
  });

  test('has no IPv4 address where none is wanted', async () => {
    open({ ipv4: 'none' });
    const instance = await create(sampleOrder(AGENT));
    expect(instance.ipv4).toBeUndefined();
    expect(instance.ssh?.host).toBe(instance.ipv6);
    expect(instance.ipv6).toMatch(/::1$/);
  });

  test('gets the host key that was made for it, and lets the agent’s own key in where it is ordered', async () => {
    const privateKey = new Secret('-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n');
    const hostKey = { privateKey, publicKey: 'ssh-ed25519 AAAA' };
    const instance = await create({ ...sampleOrder(AGENT), hostKey, agentKey: 'ssh-ed25519 BBBB' });
    expect(servers()[0]?.userData).toContain('ed25519_private: |\n    -----BEGIN OPENSSH PRIVATE KEY-----\n    abc');
    expect(opened.core.guestAt(instance.ipv4 ?? '')?.authorizedKeys).toContain('ssh-ed25519 BBBB');
  });

  test('gets the user data that was ordered as it is, whatever is in it', async () => {
    const text = `MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b--\r\n`;
    await create({ ...sampleOrder(AGENT), userData: new Secret(text) });
    expect(servers()[0]?.userData).toBe(text);
  });

  test('is made from the newest snapshot with the label of its template', async () => {
    open({ image: 'snapshot:base' });
    expect(await refused(sampleOrder(AGENT))).toMatchObject({ kind: 'config' });
    const source = opened.core.admin.addForeign({ name: 'builder' });
    const headers = { authorization: `Bearer ${SIMULATOR_TOKEN}` };
    for (const labels of [{ [LABEL.template]: 'base' }, { [LABEL.template]: 'base' }, { [LABEL.template]: 'other' }]) {
      const body = JSON.stringify({ type: 'snapshot', labels });
      const path = `/v1/servers/${source}/actions/create_image`;
      expect(opened.core.handle({ method: 'POST', path, headers, body }).status).toBe(201);
      await clock.advance(120_000);
    }
    await clock.advance(600_000);
    const order = sampleOrder(AGENT);
    await create(order);
    const snapshots = [...opened.core.project.images.values()].filter(({ type }) => type === 'snapshot');
    expect(servers().find(({ name }) => name === order.name)?.image?.id).toBe(snapshots[1]?.id);
  });

  test('shares the project’s one key with all others, and a tenant who comes again is no trouble', async () => {
    const { sshKey } = sampleOrder(AGENT);
    await create(sampleOrder(AGENT, { sshKey }));
    await create(sampleOrder(AGENT, { sshKey }));
    expect(opened.core.project.sshKeys.size).toBe(1);
  });
});

describe('only what was agreed', () => {
  test('is made: an offering that is not on the list is left to others, and nothing is asked for', async () => {
    expect(await refused(sampleOrder(AGENT, { offering: '2' }))).toMatchObject({ kind: 'capacity' });
    expect(opened.core.calls.size).toBe(0);
  });

  test('is made: types, locations and images come from the provider’s lists', async () => {
    for (const settings of [{ server_type: 'ccx63' }, { location: 'ash' }, { image: 'ubuntu-24.04' }, { image: 7 }]) {
      const error = await refused(ordering(settings));
      expect(error.kind).toBe('permanent');
      expect(error.publicText).toMatch(/is not available here/);
    }
    expect(servers()).toEqual([]);
  });

  test('is made: the first type that is as large as ordered', async () => {
    await create(sampleOrder(AGENT, { cpuCores: 2, memoryMb: 4096, storageGb: 60 }));
    expect(servers()[0]?.type.name).toBe('cpx22');
    expect(await refused(sampleOrder(AGENT, { cpuCores: 3 }))).toMatchObject({ kind: 'permanent' });
  });

  test('is what an offering names', async () => {
    await create(ordering({ server_type: 'cpx22', location: 'nbg1' }));
    expect(servers()[0]).toMatchObject({ type: { name: 'cpx22' }, location: { name: 'nbg1' } });
  });
});

describe('when something is out of stock', () => {
  test('the next type and location on the lists is made', async () => {
    opened.core.admin.setStock('cx23', 'fsn1', 'refused');
    opened.core.admin.setStock('cx23', 'nbg1', 'refused');
    await create(sampleOrder(AGENT));
    expect(servers()[0]).toMatchObject({ type: { name: 'cpx22' }, location: { name: 'fsn1' } });
    expect(calls('POST /servers')).toBe(3);
  });

  test('what the catalogue calls sold out is not asked for', async () => {
    opened.core.admin.setStock('cx23', 'fsn1', 'sold-out');
    await create(sampleOrder(AGENT));
    expect(servers()[0]).toMatchObject({ type: { name: 'cx23' }, location: { name: 'nbg1' } });
    expect(calls('POST /servers')).toBe(1);
  });

  test('what was refused a moment ago is not asked for again at once', async () => {
    opened.core.admin.setStock('cx23', 'fsn1', 'refused');
    await create(sampleOrder(AGENT));
    await create(sampleOrder(AGENT));
    expect(calls('POST /servers')).toBe(3);
    opened.core.admin.setStock('cx23', 'fsn1', 'in-stock');
    await clock.advance(61_000);
    await create(sampleOrder(AGENT));
    expect(servers().map(({ location }) => location.name)).toEqual(['nbg1', 'nbg1', 'fsn1']);
  });

  test('what an offering names is not replaced, unless the provider allows it', async () => {
    opened.core.admin.setStock('cx23', 'fsn1', 'refused');
    const named = { server_type: 'cx23', location: 'fsn1' };
    expect(await refused(ordering(named))).toMatchObject({ kind: 'capacity' });
    expect(servers()).toEqual([]);
  });

  test.each([
    ['location', 'cx23', 'nbg1'],
    ['type', 'cpx22', 'fsn1'],
    ['both', 'cx23', 'nbg1'],
  ])('substitute = %s puts %s in %s in its place, and records that', async (substitute, type, location) => {
    open({ substitute });
    opened.core.admin.setStock('cx23', 'fsn1', 'refused');
    const instance = await create(ordering({ server_type: 'cx23', location: 'fsn1' }));
    expect(servers()[0]).toMatchObject({ type: { name: type }, location: { name: location } });
    expect(servers()[0]?.labels[LABEL.ordered]).toBe('cx23.fsn1');
    expect(instance.additionalDetails).toBe(
      `This machine is a ${type} in ${location}, because cx23 in fsn1 was out of stock.`,
    );
  });

  test('the account’s own limit stops the sale for a while, and shows as no room', async () => {
    opened.core.admin.setLimits({ servers: 1 });
    await create(sampleOrder(AGENT));
    expect(await refused(sampleOrder(AGENT))).toMatchObject({ kind: 'capacity' });
    expect(await refused(sampleOrder(AGENT))).toMatchObject({ kind: 'capacity' });
    expect(calls('POST /servers')).toBe(2);
    const inventory = () => opened.provisioner.inventory({ signal: new AbortController().signal, log: op().log });
    expect((await played(clock, inventory())).machinesFree).toBe(0);
    await clock.advance(601_000);
    expect((await played(clock, inventory())).machinesFree).toBe(499);
  });

  const op = () => operation(sampleOrder(AGENT).stamp);
});

describe('a server that does not come up', () => {
  const fault = (kind: object, call = 'POST /servers') =>
    opened.core.faults.add({ call, fault: kind as Parameters<typeof opened.core.faults.add>[0]['fault'] });

  test('because making it failed is deleted, and made anew by the next attempt', async () => {
    fault({ kind: 'fail-action', command: 'create_server' });
    const order = sampleOrder(AGENT);
    const first = operation(order.stamp);
    expect(await refused(order, first)).toMatchObject({ kind: 'retry' });
    expect(servers()).toEqual([]);
    await create(order, operation(order.stamp, { attempt: 2, handles: { ...first.handles } }));
    expect(servers()).toMatchObject([{ status: 'running' }]);
  });

  test('because only its start failed is switched on', async () => {
    fault({ kind: 'fail-action', command: 'start_server' });
    await create(sampleOrder(AGENT));
    expect(servers()).toMatchObject([{ status: 'running' }]);
    expect(calls('POST /servers/{id}/actions/poweron')).toBe(1);
  });

  test('although every action succeeded is switched on', async () => {
    fault({ kind: 'stays-off' });
    const order = sampleOrder(AGENT);
    const onRemember = (key: string, id: string): void => {
      if (key === 'server') opened.core.admin.setGuest(Number(id), { boots: true });
    };
    await create(order, operation(order.stamp, { onRemember }));
    expect(servers()).toMatchObject([{ status: 'running' }]);
  });

  test('however often it is switched on is deleted, because it costs its price', async () => {
    fault({ kind: 'stays-off' });
    const error = await refused(sampleOrder(AGENT));
    expect(error).toMatchObject({ kind: 'retry' });
    expect(error.message).toContain('stays off');
    expect(calls('POST /servers/{id}/actions/poweron')).toBe(3);
    expect(servers()).toEqual([]);
  });

  test('within its time is deleted, as soon as Hetzner lets go of it', async () => {
    open({ create_timeout_seconds: 60 });
    fault({ kind: 'slow', command: 'create_server', ms: 300_000 });
    const began = clock.monotonic();
    expect((await refused(sampleOrder(AGENT))).message).toContain('initializing after 60 s');
    expect(clock.monotonic() - began).toBeLessThan(360_000);
    expect(servers()).toEqual([]);
  });

  test('is waited for although the API forgets its actions', async () => {
    fault({ kind: 'forget-action' });
    await create(sampleOrder(AGENT));
    expect(servers()).toMatchObject([{ status: 'running' }]);
  });
});

describe('a name that is taken', () => {
  test('by an earlier request of the same operation is ours', async () => {
    const order = sampleOrder(AGENT);
    const id = opened.core.admin.addForeign({ name: order.name, labels: stampLabels(order.stamp) });
    // First attempt, nothing known: only the refusal of the name tells.
    const instance = await create(order);
    expect(instance.externalId).toBe(String(id));
    expect(servers()).toHaveLength(1);
  });

  test('by somebody else’s server is refused, and that server is left alone', async () => {
    const order = sampleOrder(AGENT);
    opened.core.admin.addForeign({ name: order.name });
    expect(await refused(order)).toMatchObject({ kind: 'not-ours' });
    expect(servers()).toMatchObject([{ status: 'running', labels: {} }]);
  });

  test('by another agent’s server for the same contract is handed back to that agent', async () => {
    const order = sampleOrder(AGENT);
    const labels = stampLabels({ ...order.stamp, agent: 'b'.repeat(64) as typeof AGENT });
    opened.core.admin.addForeign({ name: order.name, labels });
    expect(await refused(order)).toMatchObject({ kind: 'capacity' });
    expect(servers()).toMatchObject([{ status: 'running', labels }]);
  });

  test('by a server of an earlier operation that is being deleted is waited for', async () => {
    const order = sampleOrder(AGENT);
    const older = { ...order.stamp, operation: sampleOrder(AGENT).stamp.operation };
    const id = opened.core.admin.addForeign({ name: order.name, labels: stampLabels(older) });
    opened.tampers.push({
      after: ({ path }, { body }) =>
        path.startsWith('/servers?name') ? answer(200, JSON.parse(body.replace('"running"', '"deleting"'))) : undefined,
    });
    expect(await refused(order)).toMatchObject({ kind: 'retry' });
    opened.core.admin.lose(id);
    await create(order, operation(order.stamp, { attempt: 2 }));
    expect(servers()).toHaveLength(1);
  });
});
