import { describe, expect, test } from 'vitest';
import { createSandboxCore } from '../../simulators/sandbox/core.ts';
import type { Fault } from '../../simulators/sandbox/faults.ts';
import { inProcessSandbox } from '../../simulators/sandbox/in-process.ts';
import type { HypervisorOptions } from '../../simulators/sandbox/options.ts';
import { operation, sampleOrder } from '../../src/provisioner/conformance.ts';
import {
  type CallContext,
  type Instance,
  type MachineOrder,
  type OwnedRef,
  ProvisionerError,
  silentLog,
} from '../../src/provisioner/index.ts';
import { AGENT } from '../../test/plugin/sandbox-bench.ts';
import { SeededRandom } from '../../test/simulation/seeded-random.ts';
import { VirtualTime } from '../../test/simulation/virtual-time.ts';
import { openSandbox } from './provisioner.ts';
import { sandboxSettings } from './schema.ts';
import type { SandboxTransport } from './transport.ts';

const context: CallContext = { signal: new AbortController().signal, log: silentLog };

/** The plugin and its backend in one process; time passes only while a call is waited for. */
function world(options: Partial<HypervisorOptions> = {}, transport?: SandboxTransport) {
  const time = new VirtualTime();
  const random = new SeededRandom(11);
  const core = createSandboxCore({ clock: time, random, options });
  const plugin = openSandbox({
    transport: transport ?? inProcessSandbox(core, { clock: time, latencyMs: 1 }),
    deps: { agent: AGENT, target: 'sandbox', clock: time, random, log: silentLog },
    settings: sandboxSettings.parse({ socket_path: '/simulated' }),
  });

  async function wait<T>(call: Promise<T>): Promise<T> {
    let ended = false;
    const end = (): void => void (ended = true);
    call.then(end, end);
    for (let rounds = 0; !ended && rounds < 10_000; rounds++) await time.advance(100, () => ended);
    if (!ended) throw new Error('the call never ended');
    return call;
  }

  async function make(order: MachineOrder = sampleOrder(AGENT)): Promise<{ order: MachineOrder; machine: Instance }> {
    return { order, machine: await wait(plugin.create(order, operation(order.stamp))) };
  }

  return { time, core, plugin, wait, make };
}

function refOf({ order, machine }: { order: MachineOrder; machine: Instance }): OwnedRef {
  return { stamp: order.stamp, externalId: machine.externalId, handles: {} };
}

async function errorOf(call: Promise<unknown>): Promise<ProvisionerError> {
  const thrown = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(thrown instanceof ProvisionerError)) throw new Error('no ProvisionerError', { cause: thrown });
  return thrown;
}

describe('a create that goes wrong', () => {
  test.each<[Fault, kind: string, machines: number]>([
    [{ kind: 'refuse' }, 'retry', 0],
    [{ kind: 'no-capacity' }, 'capacity', 0],
    [{ kind: 'status', status: 429, retryAfterSeconds: 9 }, 'throttled', 0],
    [{ kind: 'status', status: 500 }, 'unknown-outcome', 0],
    [{ kind: 'status', status: 503, processed: true }, 'unknown-outcome', 1],
    [{ kind: 'drop-before' }, 'unknown-outcome', 0],
    [{ kind: 'drop-after' }, 'unknown-outcome', 1],
    [{ kind: 'truncate' }, 'unknown-outcome', 1],
    [{ kind: 'garbage' }, 'unknown-outcome', 1],
    [{ kind: 'hang' }, 'unknown-outcome', 1],
    [{ kind: 'hang-before' }, 'unknown-outcome', 0],
    [{ kind: 'half-create' }, 'retry', 0],
  ])('%o is of the kind %s, leaves %i behind, and the next attempt ends with one', async (fault, kind, machines) => {
    const { core, plugin, wait } = world();
    core.faults.add({ call: 'create', fault });
    const order = sampleOrder(AGENT);
    const failure = await errorOf(wait(plugin.create(order, operation(order.stamp))));
    expect(failure.kind).toBe(kind);
    expect(core.machines.size).toBe(machines);
    const outcomeUnknown = kind === 'unknown-outcome';
    const machine = await wait(plugin.create(order, operation(order.stamp, { attempt: 2, outcomeUnknown })));
    expect([...core.machines.keys()]).toEqual([machine.externalId]);
  });

  test('says how long to wait when it was told', async () => {
    const { core, plugin, wait } = world();
    core.faults.add({ call: 'create', fault: { kind: 'status', status: 429, retryAfterSeconds: 9 } });
    const order = sampleOrder(AGENT);
    expect(await errorOf(wait(plugin.create(order, operation(order.stamp))))).toMatchObject({ retryAfterMs: 9_000 });
  });

  test('waits for a slow machine, up to its limit', async () => {
    const { core, make, plugin, wait } = world();
    core.faults.add({ call: 'create', fault: { kind: 'slow-create', ms: 100_000 } });
    expect((await make()).machine.power).toBe('running');
    core.faults.add({ call: 'create', fault: { kind: 'slow-create', ms: 200_000 } });
    const order = sampleOrder(AGENT);
    const op = operation(order.stamp);
    expect(await errorOf(wait(plugin.create(order, op)))).toMatchObject({
      kind: 'retry',
      message: expect.stringContaining('did not start in 120 s (it is creating)'),
    });
    const machine = await wait(plugin.create(order, operation(order.stamp, { attempt: 2, handles: op.handles })));
    expect(machine).toMatchObject({ externalId: op.handles['machine'], power: 'running' });
  });

  test.each(['configure', 'start'] as const)('gives a lost order to %s again', async (call) => {
    const { core, make } = world();
    core.faults.add({ call, fault: { kind: 'ignore' } });
    const { machine, order } = await make();
    expect(core.machines.get(machine.externalId)).toMatchObject({ state: 'running', authorizedKeys: [order.sshKey] });
    expect(core.calls[call]).toBe(2);
  });

  test('removes what a late request made beside the machine that is kept', async () => {
    const { core, plugin, wait } = world();
    core.faults.add({ call: 'create', fault: { kind: 'delay', ms: 11_000, at: 'before' } });
    const order = sampleOrder(AGENT);
    expect((await errorOf(wait(plugin.create(order, operation(order.stamp))))).kind).toBe('unknown-outcome');
    const second = operation(order.stamp, { attempt: 2, outcomeUnknown: true });
    const kept = await wait(plugin.create(order, second));
    const third = operation(order.stamp, { attempt: 3, handles: second.handles });
    expect((await wait(plugin.create(order, third))).externalId).toBe(kept.externalId);
    expect([...core.machines.keys()]).toEqual([kept.externalId]);
  });

  test('does not take a stranger’s machine for a name', async () => {
    const { core, plugin, wait } = world({ uniqueNames: true });
    const order = sampleOrder(AGENT);
    const stranger = core.admin.addForeign({ name: order.name });
    expect((await errorOf(wait(plugin.create(order, operation(order.stamp))))).kind).toBe('not-ours');
    expect([...core.machines.keys()]).toEqual([stranger]);
  });
});

describe('a machine that changes behind our back', () => {
  test('whose id went to another contract of ours is not destroyed for it', async () => {
    const { core, plugin, wait, make } = world({ reuseIds: true });
    const gone = await make();
    core.admin.lose(gone.machine.externalId);
    const heir = await make();
    expect(heir.machine.externalId).toBe(gone.machine.externalId);
    expect((await errorOf(wait(plugin.destroy(refOf(gone), operation(gone.order.stamp))))).kind).toBe('not-ours');
    expect((await wait(plugin.observe(refOf(gone), context))).state).toBe('unknown');
    expect((await wait(plugin.observe(refOf(heir), context))).state).toBe('present');
  });

  test('between the look and the act is not touched', async () => {
    const { core, plugin, wait, make, time } = world();
    const made = await make();
    core.faults.add({ call: 'delete', fault: { kind: 'delay', ms: 1_000, at: 'before' } });
    const destroying = errorOf(wait(plugin.destroy(refOf(made), operation(made.order.stamp))));
    time.after(500, () => core.admin.giveIdToStranger(made.machine.externalId));
    expect((await destroying).kind).toBe('not-ours');
    expect(core.machines.get(made.machine.externalId)?.name).toBe('somebody-elses');
  });

  test('whose stamp is damaged makes the list incomplete, because it may be ours', async () => {
    const { core, plugin, wait, make } = world();
    const { machine } = await make();
    core.admin.setLabels(machine.externalId, { 'dc-agent-id': AGENT, 'dc-contract-id': 'rubbish' });
    expect(await wait(plugin.list(context))).toEqual({ complete: false, instances: [] });
  });

  test('that shows a wrong state for a moment is neither lost nor broken', async () => {
    const { core, plugin, wait, make } = world();
    const made = await make();
    core.faults.add({ call: 'get', fault: { kind: 'flap', state: 'stopped' } });
    expect(await wait(plugin.observe(refOf(made), context))).toMatchObject({ instance: { power: 'stopped' } });
    expect((await wait(plugin.start(refOf(made), operation(made.order.stamp)))).power).toBe('running');
    core.faults.add({ call: 'get', fault: { kind: 'flap', state: 'melting' as 'failed' } });
    expect(await wait(plugin.observe(refOf(made), context))).toMatchObject({ instance: { power: 'unknown' } });
  });

  test('on a lost node is not called absent, and not made again', async () => {
    const { core, plugin, wait, make } = world({ nodes: 2 });
    const made = await make();
    core.admin.loseNode('node-1');
    for (const ref of [refOf(made), { stamp: made.order.stamp, handles: {} }]) {
      expect((await errorOf(wait(plugin.observe(ref, context)))).kind).toBe('retry');
      expect((await errorOf(wait(plugin.destroy(ref, operation(made.order.stamp))))).kind).toBe('retry');
    }
    const repeated = operation(made.order.stamp, { attempt: 2, outcomeUnknown: true });
    expect((await errorOf(wait(plugin.create(made.order, repeated)))).kind).toBe('retry');
    expect(core.machines.size).toBe(1);
    core.admin.returnNode('node-1', { rebooted: true });
    expect((await wait(plugin.start(refOf(made), operation(made.order.stamp)))).power).toBe('running');
  });
});

describe('what answers on the socket', () => {
  const answering = (status: number, body: unknown): SandboxTransport => {
    return async () => ({ status, headers: {}, body: JSON.stringify(body) });
  };
  const failing = (code: string): SandboxTransport => {
    return async () => {
      throw Object.assign(new Error(`connect ${code}`), { code });
    };
  };

  test.each<[string, SandboxTransport, string]>([
    ['nobody', failing('ECONNREFUSED'), 'retry'],
    ['no socket at all', failing('ENOENT'), 'retry'],
    ['a socket that may not be opened', failing('EACCES'), 'config'],
    ['another program', answering(404, { message: 'page not found' }), 'config'],
    ['a sandbox that wants a login', answering(401, {}), 'config'],
    ['half a machine', answering(200, { id: '101' }), 'retry'],
  ])('%s: kind of the error, never absence', async (_what, transport, kind) => {
    const { plugin, wait } = world({}, transport);
    const { stamp } = sampleOrder(AGENT);
    for (const externalId of ['101', undefined]) {
      const ref = { stamp, handles: {}, ...(externalId === undefined ? {} : { externalId }) } as OwnedRef;
      expect((await errorOf(wait(plugin.observe(ref, context)))).kind).toBe(kind);
    }
    const findings = await wait(plugin.check(context));
    expect(findings).toMatchObject([{ level: 'fail', code: 'sandbox.unreachable' }]);
    expect(findings[0]?.remedy).toContain('dc-agent dev sandbox');
  });

  test('a broken entry hides itself alone, and the list is incomplete', async () => {
    const good = world();
    const { machine } = await good.make();
    const whole = good.core.handle({ method: 'GET', path: '/machines' });
    const { machines } = JSON.parse(whole.body);
    const { plugin, wait } = world({}, answering(200, { complete: true, machines: [...machines, { id: 7 }] }));
    expect(await wait(plugin.list(context))).toMatchObject({
      complete: false,
      instances: [{ externalId: machine.externalId }],
    });
  });
});
