import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import type { AgentId, ContractId, ExternalId, OperationId } from '../ports/ids.ts';
import { machineName } from '../ports/ids.ts';
import { silentLog } from '../ports/log.ts';
import type { CallContext, Instance, MachineOrder, Operation, OwnedRef, OwnerStamp, Provisioner } from './contract.ts';
import { type ErrorKind, isProvisionerError } from './errors.ts';

/**
 * The conformance kit: one suite over every plugin, built-in or foreign. It works through the plugin contract alone and judges
 * by what the backend really holds. It needs a test runner's `describe` and `test` (vitest and node:test both fit) and a
 * backend to open; what a backend cannot be made to do is left out of `backend` and those tests say that they are skipped.
 */
export function provisionerConformance({ name, open, describe, test, timeoutMs = 60_000, parallel = 25 }: Kit): void {
  /** One test on a backend of its own. `needs` names what the bench must offer; without it the test is skipped. */
  function it(sentence: string, run: (bench: Bench, context: TestContext) => Promise<void>): void {
    test(
      sentence,
      async (context) => {
        const bench = await open();
        try {
          await run(bench, context);
        } catch (error) {
          if (!(error instanceof NotOffered)) throw error;
          context.skip(error.message);
        } finally {
          await bench.cleanup();
        }
      },
      timeoutMs,
    );
  }

  describe(`${name} keeps the plugin contract`, () => {
    describe('create', () => {
      it('makes one running machine that carries the stamp', async (bench) => {
        const { order, instance } = await made(bench);
        assert.deepEqual(instance.stamp, order.stamp);
        assert.equal(instance.power, 'running');
        assert.notEqual(instance.externalId, '');
        if (bench.provisioner.capabilities.readiness === 'ssh')
          assert.ok(instance.ssh, 'readiness ssh without an address');
        await holds(bench, order, 1);
      });

      it('converges when repeated with what it remembered', async (bench) => {
        const order = bench.order();
        const op = operation(order.stamp);
        const first = await bench.provisioner.create(order, op);
        const second = await bench.provisioner.create(order, again(op, { outcomeUnknown: false }));
        assert.equal(second.externalId, first.externalId);
        await holds(bench, order, 1);
      });

      it('finds its machine by the stamp when nothing was remembered', async (bench) => {
        const { order, instance } = await made(bench);
        const repeated = operation(order.stamp, { attempt: 2, outcomeUnknown: true });
        const second = await bench.provisioner.create(order, repeated);
        assert.equal(second.externalId, instance.externalId);
        await holds(bench, order, 1);
      });

      it('adopts the machine whose create was processed and whose answer was lost', async (bench) => {
        const faults = offered(bench.faults?.loseCreateAnswer, 'losing the answer to a create');
        const order = bench.order();
        const op = operation(order.stamp);
        await faults();
        await settled(bench.provisioner.create(order, op));
        await bench.provisioner.create(order, again(op));
        await holds(bench, order, 1);
      });

      it('makes the machine after all when the create was lost before it was processed', async (bench) => {
        const lose = offered(bench.faults?.loseCreateRequest, 'losing a create request');
        const order = bench.order();
        const op = operation(order.stamp);
        await lose();
        await settled(bench.provisioner.create(order, op));
        await bench.provisioner.create(order, again(op));
        await holds(bench, order, 1);
      });

      it('converges when it was cancelled half-way and begun again at once', async (bench) => {
        for (const steps of [0, 1, 3]) {
          const order = bench.order();
          const cancel = new AbortController();
          const op = operation(order.stamp, { signal: cancel.signal });
          const cancelled = settled(bench.provisioner.create(order, op));
          await turns(steps);
          cancel.abort(new Error('cancelled by the test'));
          await bench.provisioner.create(order, again(op));
          await cancelled;
          // What was still under way when the second call looked is for the third to settle.
          await bench.provisioner.create(order, again(op));
          await holds(bench, order, 1);
        }
      });

      it('leaves nothing that destroy cannot find when it is cancelled', async (bench) => {
        const order = bench.order();
        const cancel = new AbortController();
        const op = operation(order.stamp, {
          signal: cancel.signal,
          onRemember: () => cancel.abort(new Error('cancelled by the test')),
        });
        await settled(bench.provisioner.create(order, op));
        await bench.provisioner.destroy({ stamp: order.stamp, handles: op.handles }, again(op));
        await holds(bench, order, 0);
      });

      it('does nothing when it was cancelled before it began', async (bench) => {
        const order = bench.order();
        const op = operation(order.stamp, { signal: AbortSignal.abort(new Error('cancelled by the test')) });
        await refused(bench.provisioner.create(order, op), ['retry', 'unknown-outcome']);
        await holds(bench, order, 0);
      });

      it(`makes ${parallel} machines at once, each for its own contract`, async (bench) => {
        const orders = Array.from({ length: parallel }, () => bench.order());
        const instances = await Promise.all(
          orders.map((order) => bench.provisioner.create(order, operation(order.stamp))),
        );
        assert.equal(new Set(instances.map((instance) => instance.externalId)).size, parallel);
        const addresses = instances.flatMap(({ ssh }) => (ssh ? [`${ssh.host}:${ssh.port}`] : []));
        assert.equal(new Set(addresses).size, addresses.length, 'two machines share an SSH address');
        await Promise.all(orders.map((order) => holds(bench, order, 1)));
        await Promise.all(
          instances.map((instance) => bench.provisioner.destroy(refOf(instance), operation(instance.stamp))),
        );
        await Promise.all(orders.map((order) => holds(bench, order, 0)));
      });

      it('leaves a stranger with the same name alone', async (bench) => {
        const { add, exists } = offered(bench.foreign, 'machines of strangers');
        const order = bench.order();
        const id = await add({ name: order.name });
        await settled(bench.provisioner.create(order, operation(order.stamp)));
        await bench.provisioner.destroy({ stamp: order.stamp, handles: {} }, operation(order.stamp));
        assert.equal(await exists(id), true);
      });
    });

    describe('destroy', () => {
      it('removes the machine, and may be repeated', async (bench) => {
        const { order, instance } = await made(bench);
        await bench.provisioner.destroy(refOf(instance), operation(order.stamp));
        await holds(bench, order, 0);
        await bench.provisioner.destroy(refOf(instance), operation(order.stamp, { attempt: 2 }));
        assert.deepEqual(await bench.provisioner.observe(refOf(instance), context()), { state: 'absent' });
      });

      it('finds the machine by its stamp when the external id was never learnt', async (bench) => {
        const { order } = await made(bench);
        await bench.provisioner.destroy({ stamp: order.stamp, handles: {} }, operation(order.stamp));
        await holds(bench, order, 0);
      });

      it('is content when nothing was ever made', async (bench) => {
        const order = bench.order();
        await bench.provisioner.destroy({ stamp: order.stamp, handles: {} }, operation(order.stamp));
      });

      it('removes a machine that is off', async (bench) => {
        const stop = method(bench.provisioner, 'stop');
        const { order, instance } = await made(bench);
        await stop(refOf(instance), operation(order.stamp));
        await bench.provisioner.destroy(refOf(instance), operation(order.stamp));
        await holds(bench, order, 0);
      });

      it('leaves the machines of other contracts alone', async (bench) => {
        const one = await made(bench);
        const other = await made(bench);
        await bench.provisioner.destroy(refOf(one.instance), operation(one.order.stamp));
        await holds(bench, other.order, 1);
      });
    });

    describe('ownership', () => {
      for (const verb of ['destroy', 'stop', 'start'] as const) {
        it(`refuses to ${verb} a stranger that has our external id`, async (bench) => {
          const giveAway = offered(bench.faults?.giveIdToStranger, 'giving an id to a stranger');
          const { exists } = offered(bench.foreign, 'machines of strangers');
          const run = method(bench.provisioner, verb);
          const { order, instance } = await made(bench);
          await giveAway(instance.externalId);
          await refused(run(refOf(instance), operation(order.stamp)), ['not-ours']);
          assert.equal(await exists(instance.externalId), true);
          const seen = await bench.provisioner.observe(refOf(instance), context()).catch(kindOf);
          assert.notEqual(typeof seen === 'object' ? seen.state : seen, 'present');
        });

        it(`refuses to ${verb} a machine that carries another contract's stamp`, async (bench) => {
          const run = method(bench.provisioner, verb);
          const { order, instance } = await made(bench);
          const { stamp } = bench.order();
          await refused(run({ ...refOf(instance), stamp }, operation(stamp)), ['not-ours']);
          await holds(bench, order, 1);
        });
      }

      it('refuses to destroy the machine of another operation of the same contract', async (bench) => {
        if (bench.stampHoldsOperation === false) throw new NotOffered('an operation id in the stamp');
        const { order, instance } = await made(bench);
        const stamp = { ...order.stamp, operation: freshOperation() };
        await refused(bench.provisioner.destroy({ ...refOf(instance), stamp }, operation(stamp)), ['not-ours']);
        await holds(bench, order, 1);
      });
    });

    describe('stop and start', () => {
      it('stop powers off and keeps the machine, start brings the same one back, and both may be repeated', async (bench) => {
        const stop = method(bench.provisioner, 'stop');
        const start = method(bench.provisioner, 'start');
        const { order, instance } = await made(bench);
        for (const attempt of [1, 2]) await stop(refOf(instance), operation(order.stamp, { attempt }));
        assert.equal(await powerOf(bench, instance), 'stopped');
        for (const attempt of [1, 2]) {
          const started = await start(refOf(instance), operation(order.stamp, { attempt }));
          assert.equal(started.externalId, instance.externalId);
          assert.equal(started.power, 'running');
          assert.deepEqual(started.ssh, instance.ssh);
        }
        await holds(bench, order, 1);
      });

      it('start switches on what went off by itself', async (bench) => {
        const start = method(bench.provisioner, 'start');
        const powerOff = offered(bench.faults?.powerOff, 'a machine going off by itself');
        const { order, instance } = await made(bench);
        await powerOff(instance.externalId);
        assert.equal(await powerOf(bench, instance), 'stopped');
        await start(refOf(instance), operation(order.stamp));
        assert.equal(await powerOf(bench, instance), 'running');
      });

      it('neither pretends to have done it when the machine is gone', async (bench) => {
        const stop = method(bench.provisioner, 'stop');
        const start = method(bench.provisioner, 'start');
        const { order, instance } = await made(bench);
        await bench.provisioner.destroy(refOf(instance), operation(order.stamp));
        await refused(start(refOf(instance), operation(order.stamp)));
        await refused(stop(refOf(instance), operation(order.stamp)));
        await holds(bench, order, 0);
      });
    });

    describe('observe', () => {
      it('sees a machine by its external id and by its stamp alone', async (bench) => {
        const { order, instance } = await made(bench);
        for (const ref of [refOf(instance), { stamp: order.stamp, handles: {} }]) {
          const seen = await bench.provisioner.observe(ref, context());
          assert.equal(seen.state, 'present');
          assert.equal(seen.state === 'present' && seen.instance.externalId, instance.externalId);
        }
      });

      it('says absent when the machine was removed behind our back', async (bench) => {
        const lose = offered(bench.faults?.loseMachine, 'a machine vanishing');
        const { instance } = await made(bench);
        await lose(instance.externalId);
        assert.deepEqual(await bench.provisioner.observe(refOf(instance), context()), { state: 'absent' });
      });

      it('never says absent because the backend does not answer', async (bench) => {
        const silence = offered(bench.faults?.unreachable, 'an unreachable backend');
        const { order, instance } = await made(bench);
        const restore = await silence();
        for (const ref of [refOf(instance), { stamp: order.stamp, handles: {} }]) {
          const seen = await bench.provisioner.observe(ref, context()).catch(kindOf);
          assert.notEqual(typeof seen === 'object' ? seen.state : seen, 'absent');
        }
        await restore();
        await holds(bench, order, 1);
      });
    });

    describe('list', () => {
      it('shows our machines in every power state, and nobody else’s', async (bench) => {
        const list = method(bench.provisioner, 'list');
        const running = await made(bench);
        const off = await made(bench);
        const { stop } = bench.provisioner;
        if (stop) await stop.call(bench.provisioner, refOf(off.instance), operation(off.order.stamp));
        const stranger = await bench.foreign?.add({});
        const { complete, instances } = await list(context());
        assert.equal(complete, true);
        const power = new Map(instances.map((instance) => [instance.externalId, instance.power]));
        assert.equal(power.get(running.instance.externalId), 'running');
        assert.equal(power.get(off.instance.externalId), stop ? 'stopped' : 'running');
        if (stranger !== undefined) assert.equal(power.has(stranger), false);
        const shown = instances.find(({ externalId }) => externalId === running.instance.externalId);
        assert.equal(shown?.stamp.contract, running.order.stamp.contract);
      });

      it('says that it is incomplete when part of the backend could not be read', async (bench) => {
        const list = method(bench.provisioner, 'list');
        const cut = offered(bench.faults?.partialList, 'a partial list');
        await made(bench);
        await cut();
        assert.equal((await list(context())).complete, false);
      });
    });

    describe('errors', () => {
      it('are ProvisionerErrors when the backend is gone, from every call', async (bench) => {
        const silence = offered(bench.faults?.unreachable, 'an unreachable backend');
        const { order, instance } = await made(bench);
        const restore = await silence();
        const { provisioner } = bench;
        const fresh = bench.order();
        await refused(provisioner.create(fresh, operation(fresh.stamp)));
        await refused(provisioner.destroy(refOf(instance), operation(order.stamp)));
        await refused(provisioner.inventory(context()));
        if (provisioner.list) await refused(provisioner.list(context()));
        if (provisioner.stop) await refused(provisioner.stop(refOf(instance), operation(order.stamp)));
        if (provisioner.traffic) await refused(provisioner.traffic(context()));
        const findings = await provisioner.check(context());
        assert.ok(
          findings.some(({ level }) => level === 'fail'),
          'check found nothing wrong',
        );
        await restore();
        await holds(bench, order, 1);
      });

      it('hold nothing private of the order, in any of their texts', async (bench) => {
        const planted = `planted-${freshOperation()}`;
        const breaks = [bench.faults?.loseCreateAnswer, bench.faults?.loseCreateRequest, bench.faults?.refuseCreate];
        const possible = breaks.filter((fault) => fault !== undefined);
        if (possible.length === 0) throw new NotOffered('failing creates');
        for (const fault of possible) {
          const order = bench.order({ postProvisionScript: `#!/bin/sh\necho ${planted}\n` });
          await fault();
          const error = await bench.provisioner
            .create(order, operation(order.stamp))
            .catch((thrown: unknown) => thrown);
          assert.equal(everyText(error).includes(planted), false, 'the recipe shows in an error');
          await bench.provisioner.destroy({ stamp: order.stamp, handles: {} }, operation(order.stamp));
        }
      });
    });

    describe('facts', () => {
      it('inventory and check look without changing anything', async (bench) => {
        const { order } = await made(bench);
        const inventory = await bench.provisioner.inventory(context());
        assert.ok(inventory.memoryFreeMb <= inventory.memoryTotalMb);
        for (const { totalGb, freeGb } of inventory.storages) assert.ok(freeGb >= 0 && freeGb <= totalGb);
        const findings = await bench.provisioner.check(context());
        assert.deepEqual(
          findings.filter(({ level }) => level === 'fail'),
          [],
        );
        for (const { code } of findings) assert.match(code, /^[a-z0-9-]+(\.[a-z0-9-]+)+$/);
        await holds(bench, order, 1);
      });

      it('traffic counts our contracts only, in whole bytes', async (bench) => {
        const traffic = method(bench.provisioner, 'traffic');
        const { order } = await made(bench);
        await bench.foreign?.add({});
        const samples = await traffic(context());
        assert.deepEqual(
          samples.map(({ contract }) => contract),
          [order.stamp.contract],
        );
        for (const { bytesIn, bytesOut } of samples) {
          assert.ok(Number.isSafeInteger(bytesIn) && bytesIn >= 0);
          assert.ok(Number.isSafeInteger(bytesOut) && bytesOut >= 0);
        }
      });
    });
  });

  /** The backend's own truth where the bench knows it, else what the plugin lists. */
  async function holds(bench: Bench, order: MachineOrder, expected: number): Promise<void> {
    const count = bench.count ? await bench.count(order.stamp) : await listed(bench.provisioner, order.stamp);
    assert.equal(count, expected, `machines of contract ${order.stamp.contract.slice(0, 8)}`);
  }
}

export interface Kit {
  /** Names the suite. */
  readonly name: string;
  /** A fresh backend, or a fresh corner of one, for each test. */
  open(): Promise<Bench>;
  describe(name: string, body: () => void): unknown;
  test(name: string, body: (context: TestContext) => Promise<void>, timeoutMs?: number): unknown;
  readonly timeoutMs?: number;
  /** How many machines to make at once; less for a backend on which each is expensive. Default 25. */
  readonly parallel?: number;
}

export interface TestContext {
  skip(reason?: string): unknown;
}

/** What the kit needs of one backend, as plain functions. What is left out cannot be tested, and the test says so. */
export interface Bench {
  readonly provisioner: Provisioner;
  /** A valid order with a fresh contract and operation, stamped for the agent that the plugin was opened for. */
  order(overrides?: Partial<MachineOrder>): MachineOrder;
  /** How many machines with this agent and contract the backend really holds, in every state. Default: asks `list`. */
  count?(stamp: OwnerStamp): Promise<number>;
  /** False when the backend can only keep the contract id. */
  readonly stampHoldsOperation?: false;
  readonly foreign?: {
    /** A machine without our stamp. */
    add(given: { name?: string }): Promise<ExternalId>;
    exists(id: ExternalId): Promise<boolean>;
  };
  readonly faults?: {
    /** The next create is processed and its answer never arrives. */
    loseCreateAnswer?(): Promise<void>;
    /** The next create never reaches the backend. */
    loseCreateRequest?(): Promise<void>;
    /** The next create is refused by the backend. */
    refuseCreate?(): Promise<void>;
    /** The next list leaves some machines out and says so. */
    partialList?(): Promise<void>;
    /** The backend no longer answers, until the returned function is called. */
    unreachable?(): Promise<() => Promise<void>>;
    loseMachine?(id: ExternalId): Promise<void>;
    powerOff?(id: ExternalId): Promise<void>;
    giveIdToStranger?(id: ExternalId): Promise<void>;
  };
  /** Removes what the test left and closes the plugin. */
  cleanup(): Promise<void>;
}

export interface OperationOptions {
  readonly attempt?: number;
  readonly outcomeUnknown?: boolean;
  readonly handles?: Record<string, string>;
  readonly signal?: AbortSignal;
  readonly onRemember?: (key: string, value: string) => void;
}

/** An operation as the agent would hand it in; what is remembered shows in `handles` at once. */
export function operation(stamp: Pick<OwnerStamp, 'operation'>, options: OperationOptions = {}): Operation {
  const handles = { ...options.handles };
  return {
    id: stamp.operation,
    attempt: options.attempt ?? 1,
    outcomeUnknown: options.outcomeUnknown ?? false,
    handles,
    signal: options.signal ?? new AbortController().signal,
    log: silentLog,
    async remember(key, value) {
      handles[key] = value;
      options.onRemember?.(key, value);
    },
  };
}

/** An order with a fresh contract and operation for `agent`: what most benches need. */
export function sampleOrder(agent: AgentId, overrides: Partial<MachineOrder> = {}): MachineOrder {
  const contract = createHash('sha256').update(randomBytes(16)).digest('hex') as ContractId;
  return {
    stamp: { agent, contract, operation: freshOperation() },
    name: machineName(contract),
    offering: '1',
    cpuCores: 1,
    memoryMb: 256,
    storageGb: 2,
    sshKey: SAMPLE_KEY,
    settings: {},
    ...overrides,
  };
}

/** Nobody's key: its private half was never kept. */
const SAMPLE_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f';

class NotOffered extends Error {
  constructor(what: string) {
    super(`this backend does not offer ${what}`);
  }
}

function offered<T>(what: T | undefined, name: string): T {
  if (what === undefined) throw new NotOffered(name);
  return what;
}

/** An optional method, bound; its absence is a refusal that the contract allows. */
function method<Name extends keyof Provisioner>(provisioner: Provisioner, name: Name): NonNullable<Provisioner[Name]> {
  const found = provisioner[name];
  if (typeof found !== 'function') throw new NotOffered(name);
  return found.bind(provisioner) as NonNullable<Provisioner[Name]>;
}

async function made(bench: Bench): Promise<{ order: MachineOrder; instance: Instance }> {
  const order = bench.order();
  return { order, instance: await bench.provisioner.create(order, operation(order.stamp)) };
}

function again(op: Operation, options: OperationOptions = {}): Operation {
  const { id, attempt, handles } = op;
  return operation(
    { operation: id },
    { attempt: attempt + 1, outcomeUnknown: true, handles: { ...handles }, ...options },
  );
}

function refOf(instance: Instance): OwnedRef {
  return { stamp: instance.stamp, externalId: instance.externalId, handles: {} };
}

function context(): CallContext {
  return { signal: new AbortController().signal, log: silentLog };
}

function freshOperation(): OperationId {
  return randomBytes(16).toString('hex') as OperationId;
}

async function listed(provisioner: Provisioner, stamp: OwnerStamp): Promise<number> {
  const list = method(provisioner, 'list');
  const { complete, instances } = await list(context());
  assert.equal(complete, true, 'the list is incomplete');
  return instances.filter((instance) => instance.stamp.contract === stamp.contract).length;
}

async function powerOf(bench: Bench, instance: Instance): Promise<string> {
  const seen = await bench.provisioner.observe(refOf(instance), context());
  return seen.state === 'present' ? seen.instance.power : seen.state;
}

/** Waits for the end of a call that may fail, but only with the one error class. */
async function settled(call: Promise<unknown>): Promise<void> {
  await call.then(() => undefined, kindOf);
}

async function refused(call: Promise<unknown>, kinds?: readonly ErrorKind[]): Promise<void> {
  const outcome = await call.then(() => 'no error' as const, kindOf);
  assert.notEqual(outcome, 'no error', 'the call should have been refused');
  if (kinds) assert.ok((kinds as readonly string[]).includes(outcome), `${outcome} is none of ${kinds.join(', ')}`);
}

function kindOf(error: unknown): ErrorKind {
  if (isProvisionerError(error)) return error.kind;
  throw new Error('something other than a ProvisionerError was thrown', { cause: error });
}

/** Message, public text and stack of an error and of everything that caused it. */
function everyText(error: unknown): string {
  const texts: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    texts.push(at.message, at.stack ?? '', isProvisionerError(at) ? at.publicText : '', JSON.stringify(at));
  }
  return texts.join('\n');
}

/** Lets a number of I/O rounds pass, so that a cancellation lands at different points of a call. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
