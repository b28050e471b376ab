import { createServer } from 'node:net';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { context, operation, refOf } from '../../src/provisioner/conformance/operations.ts';
import type { MachineOrder } from '../../src/provisioner/index.ts';
import { askEngine, buildImage, idsWith, lookUp, noEngine, tellEngine, whySkipped } from './test-engine.ts';
import { login, makeKey } from './test-login.ts';
import { openTarget, type TestTarget } from './test-target.ts';

const secondAttempt = ({ stamp }: MachineOrder) => operation(stamp, { attempt: 2, outcomeUnknown: true });

describe.skipIf(noEngine)(`when things go wrong half-way${whySkipped}`, () => {
  let target: TestTarget;
  beforeAll(buildImage, 300_000);
  beforeEach(async () => {
    target = await openTarget();
  });
  afterEach(() => target.cleanup());

  describe('an agent that dies', () => {
    test.each([
      ['before the container is made', /^POST \/containers\/create/, 0],
      ["before the tenant's key is in it", /^PUT \/containers\/\w+\/archive/, 1],
      ['between making and starting it', /^POST \/containers\/\w+\/start/, 1],
    ])('%s finishes the same machine after its restart', async (_, call, made) => {
      const key = makeKey();
      const order = target.order({ sshKey: key.publicKey });
      target.proxy.add({ call, trouble: { kind: 'silence' } });
      const reached = target.proxy.arrival(call);
      const abandoned = target.provisioner.create(order, operation(order.stamp)).catch((error: unknown) => error);
      await reached;
      // What a kill does to the engine's side of the story: the connections end, and nothing follows.
      await target.provisioner.close();
      await abandoned;
      const before = await idsWith({ 'dc-contract-id': order.stamp.contract });
      expect(before).toHaveLength(made);

      const machine = await (await target.reopen()).create(order, secondAttempt(order));
      if (made > 0) expect(machine.externalId).toBe(before[0]);
      expect(await target.count(order.stamp)).toBe(1);
      expect((await login(machine, key.privateKey, 'id -un')).output).toBe('root\n');
    });
  });

  test('two attempts of one create that overlap end with the same machine', async () => {
    const order = target.order();
    const other = await target.reopen();
    const [one, two] = await Promise.all([
      target.provisioner.create(order, operation(order.stamp)),
      other.create(order, secondAttempt(order)),
    ]);
    expect(one.externalId).toBe(two.externalId);
    expect(await target.count(order.stamp)).toBe(1);
  });

  test('a start whose answer is lost is looked after, not repeated blindly', async () => {
    const order = target.order();
    target.proxy.add({ call: /\/start$/, trouble: { kind: 'drop-after' } });
    const machine = await target.provisioner.create(order, operation(order.stamp));
    expect(machine.power).toBe('running');
    expect(target.proxy.calls.filter((call) => call.endsWith('/start'))).toHaveLength(1);
  });

  test('a machine that was renamed by hand is found by its stamp', async () => {
    const order = target.order();
    const machine = await target.provisioner.create(order, operation(order.stamp));
    await tellEngine('POST', `/containers/${machine.externalId}/rename?name=renamed-${target.agent.slice(0, 12)}`);
    const again = await target.provisioner.create(order, secondAttempt(order));
    expect(again.externalId).toBe(machine.externalId);
    await target.provisioner.destroy({ stamp: order.stamp, handles: {} }, operation(order.stamp));
    expect(await target.count(order.stamp)).toBe(0);
  });

  describe('ports', () => {
    test('a port that another program has is passed over', async () => {
      const taken = await occupy();
      const range = { port_range_start: taken.port, port_range_end: taken.port + 1 };
      try {
        const provisioner = await target.reopen(range);
        const orders = [target.order(), target.order()];
        const results = await Promise.allSettled(orders.map((each) => provisioner.create(each, operation(each.stamp))));
        const made = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value.ssh?.port] : []));
        const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
        expect(made).toEqual([taken.port + 1]);
        expect(refused).toMatchObject([{ kind: 'capacity' }]);
      } finally {
        taken.free();
      }
    });

    test('the port of a machine that is off is not given to another', async () => {
      const { provisioner } = target;
      const order = target.order();
      const machine = await provisioner.create(order, operation(order.stamp));
      await provisioner.stop(refOf(machine), operation(order.stamp));
      const port = machine.ssh?.port ?? 0;
      const narrow = await target.reopen({ port_range_start: port, port_range_end: port });
      const other = target.order();
      await expect(narrow.create(other, operation(other.stamp))).rejects.toMatchObject({ kind: 'capacity' });
      expect((await narrow.inventory(context())).machinesFree).toBe(0);
      expect(await target.count(other.stamp)).toBe(0);
    });
  });

  describe('the network', () => {
    test('keeps machines apart, and is made with the first of them', async () => {
      const existed = (await askEngine('GET', '/networks/dc-agent')).status === 200;
      const provisioner = await target.reopen({ network: undefined });
      const order = target.order();
      const machine = await provisioner.create(order, operation(order.stamp));
      const network = JSON.parse(await tellEngine('GET', '/networks/dc-agent')) as object;
      expect(network).toMatchObject({
        Driver: 'bridge',
        Labels: { 'dc-agent': 'true' },
        Options: { 'com.docker.network.bridge.enable_icc': 'false' },
      });
      expect((await lookUp(machine.externalId))?.HostConfig).toMatchObject({ NetworkMode: 'dc-agent' });
      await provisioner.destroy(refOf(machine), operation(order.stamp));
      // Refused, and rightly so, when somebody else uses it by now.
      if (!existed) await askEngine('DELETE', '/networks/dc-agent');
    });

    test('that was pruned while all its machines were off is made again', async () => {
      const provisioner = await target.reopen({ network: undefined, network_isolation: false });
      const key = makeKey();
      const order = target.order({ sshKey: key.publicKey });
      const machine = await provisioner.create(order, operation(order.stamp));
      await login(machine, key.privateKey, 'true');
      await provisioner.stop(refOf(machine), operation(order.stamp));
      await tellEngine('DELETE', '/networks/dc-agent-open');
      const started = await provisioner.start(refOf(machine), operation(order.stamp));
      expect(started.ssh).toEqual(machine.ssh);
      expect((await login(started, key.privateKey, 'echo up')).output).toBe('up\n');
      await provisioner.destroy(refOf(machine), operation(order.stamp));
      await askEngine('DELETE', '/networks/dc-agent-open');
    });

    test('of the plugin’s name that somebody else made is not used', async () => {
      target.proxy.add({
        call: /^GET \/networks\/dc-agent$/,
        trouble: { kind: 'answer', status: 200, body: { Name: 'dc-agent', Driver: 'bridge', Labels: {}, Options: {} } },
        always: true,
      });
      const provisioner = await target.reopen({ network: undefined });
      const order = target.order();
      await expect(provisioner.create(order, operation(order.stamp))).rejects.toMatchObject({ kind: 'config' });
      expect(await target.count(order.stamp)).toBe(0);
    });

    test('that is configured and missing is a matter for the operator', async () => {
      const provisioner = await target.reopen({ network: 'dc-test-nowhere' });
      const order = target.order();
      await expect(provisioner.create(order, operation(order.stamp))).rejects.toMatchObject({ kind: 'config' });
      await provisioner.destroy({ stamp: order.stamp, handles: {} }, operation(order.stamp));
      expect(await target.count(order.stamp)).toBe(0);
    });
  });

  test('a machine that was paused by hand is said to be unwell, and is woken by start', async () => {
    const { provisioner } = target;
    const order = target.order();
    const machine = await provisioner.create(order, operation(order.stamp));
    await tellEngine('POST', `/containers/${machine.externalId}/pause`);
    expect(await provisioner.observe(refOf(machine), context())).toMatchObject({
      state: 'present',
      instance: { power: 'stopped' },
      unhealthy: 'somebody has paused it',
    });
    expect((await provisioner.start(refOf(machine), operation(order.stamp))).power).toBe('running');
    await tellEngine('POST', `/containers/${machine.externalId}/pause`);
    await provisioner.stop(refOf(machine), operation(order.stamp));
    expect((await lookUp(machine.externalId))?.State.Status).toBe('exited');
  });
});

/** A listening socket of another program, so to speak, with the next port above it free. */
async function occupy(): Promise<{ port: number; free(): void }> {
  for (;;) {
    const port = 30_000 + Math.floor(Math.random() * 2_000);
    const first = await tryListen(port);
    const second = await tryListen(port + 1);
    second?.();
    if (first !== undefined && second !== undefined) return { port, free: first };
    first?.();
  }
}

function tryListen(port: number): Promise<(() => void) | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => resolve(() => void server.close()));
  });
}
