import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import type { Instance, MachineOrder, OwnedRef, OwnerStamp, Provisioner } from '../contract.ts';
import { type ErrorKind, isProvisionerError } from '../errors.ts';
import { type Bench, method } from './bench.ts';
import { context, operation, refOf } from './operations.ts';

export async function made(bench: Bench): Promise<{ order: MachineOrder; instance: Instance }> {
  const order = bench.order();
  return { order, instance: await bench.provisioner.create(order, operation(order.stamp)) };
}

/** The backend's own truth where the bench knows it, else what the plugin lists. */
export async function holds(bench: Bench, order: MachineOrder, expected: number): Promise<void> {
  const count = bench.count ? await bench.count(order.stamp) : await listed(bench.provisioner, order.stamp);
  assert.equal(count, expected, `machines of contract ${order.stamp.contract.slice(0, 8)}`);
}

async function listed(provisioner: Provisioner, stamp: OwnerStamp): Promise<number> {
  const list = method(provisioner, 'list');
  const { complete, instances } = await list(context());
  assert.equal(complete, true, 'the list is incomplete');
  return instances.filter((instance) => instance.stamp.contract === stamp.contract).length;
}

/** The power state, or what `observe` says instead of one. */
export async function powerOf(bench: Bench, instance: Instance): Promise<string> {
  const seen = await bench.provisioner.observe(refOf(instance), context());
  return seen.state === 'present' ? seen.instance.power : seen.state;
}

/** What `observe` says of a machine, or the kind of error that it throws. */
export async function sight(bench: Bench, ref: OwnedRef): Promise<'present' | 'absent' | 'unknown' | ErrorKind> {
  return bench.provisioner.observe(ref, context()).then(({ state }) => state, kindOf);
}

/** The stamp as far as this backend can keep it. */
export function assertStamp(bench: Bench, actual: OwnerStamp | undefined, expected: OwnerStamp): void {
  if (bench.stampHoldsOperation === false) assert.equal(actual?.contract, expected.contract);
  else assert.deepEqual(actual, expected);
}

/** Waits for the end of a call that may fail, but only with the one error class. */
export async function settled(call: Promise<unknown>): Promise<void> {
  await call.then(() => undefined, kindOf);
}

export async function refused(call: Promise<unknown>, kinds?: readonly ErrorKind[]): Promise<void> {
  const outcome = await call.then(() => 'no error' as const, kindOf);
  assert.notEqual(outcome, 'no error', 'the call should have been refused');
  if (kinds) assert.ok((kinds as readonly string[]).includes(outcome), `${outcome} is none of ${kinds.join(', ')}`);
}

export function kindOf(error: unknown): ErrorKind {
  if (isProvisionerError(error)) return error.kind;
  throw new Error('something other than a ProvisionerError was thrown', { cause: error });
}

/** Message, public text and stack of an error and of everything that caused it, and whatever hangs on them. */
export function everyText(error: unknown): string {
  const texts: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    texts.push(at.message, at.stack ?? '', isProvisionerError(at) ? at.publicText : '', inspect(at, { depth: 8 }));
  }
  return texts.join('\n');
}

/** No single act of a plugin takes more calls than this, polls included. */
const MOST_CALLS = 100;

/** Repeats a trial with the trouble one call later each time, until the trouble comes too late to be met. */
export async function atEveryCall(first: 0 | 1, trial: (at: number) => Promise<'struck' | 'spared'>): Promise<void> {
  for (let at = first; at < MOST_CALLS; at++) if ((await trial(at)) === 'spared') return;
  assert.fail(`it made more than ${MOST_CALLS} calls`);
}

/** Lets a number of I/O rounds pass, so that a cancellation lands at different points of a call. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
