import { type Instance, type Operation, type OwnedRef, ProvisionerError } from '../../src/provisioner/index.ts';
import { ask, withdraw } from './ask.ts';
import type { Backend } from './backend.ts';
import { findMachine, powerId, powerTasks } from './machine.ts';

/** Asks for the machine to be powered off or on, and waits. What the operator last confirmed is not asked again. */
export async function setPower(
  backend: Backend,
  kind: 'stop' | 'start',
  ref: OwnedRef,
  op: Operation,
): Promise<Instance> {
  const before = await findMachine(backend, ref);
  if (before.state !== 'made') {
    throw new ProvisionerError(
      'retry',
      `Contract ${ref.stamp.contract} has no finished machine: it is ${before.state}.`,
    );
  }
  const { operation } = ref.stamp;
  if (before.instance.power !== (kind === 'stop' ? 'stopped' : 'running')) {
    const tasks = await powerTasks(backend, operation);
    const last = tasks.at(-1);
    // Answered or not, an opposite task is history: the new one has the last word about what the machine shall be.
    const count = last?.kind === kind ? tasks.length : tasks.length + 1;
    const address = before.instance.ssh?.host;
    const question = {
      id: powerId(count, operation),
      kind,
      target: backend.deps.target,
      stamp: ref.stamp,
      ...(before.task.machine === undefined ? {} : { machine: before.task.machine }),
      ...(address === undefined ? {} : { address }),
    };
    await ask(backend, question, op, async () => {
      if (last !== undefined && last.kind !== kind) await withdraw(backend, last);
    });
  }
  const after = await findMachine(backend, ref);
  if (after.state === 'made') return after.instance;
  throw new ProvisionerError('retry', `The machine of contract ${ref.stamp.contract} was removed meanwhile.`);
}
