import type { Operation, OwnedRef } from '../../src/provisioner/index.ts';
import { ask, withdraw } from './ask.ts';
import type { Backend } from './backend.ts';
import { findMachine, HANDLE, type Machine, powerTasks, removalId } from './machine.ts';

/**
 * Asks for the removal and waits until a person says that nothing is left. That is asked too where the task to make the machine is
 * still open, or its record is lost: somebody may have begun. Only the operator's own "failed" means that nothing was made.
 */
export async function destroyMachine(backend: Backend, ref: OwnedRef, op: Operation): Promise<void> {
  const machine = await findMachine(backend, ref);
  if (machine.state === 'removed' || machine.state === 'never-made') return;
  // Unrecorded and never referred to: no task was ever written.
  if (machine.state === 'unrecorded' && ref.externalId === undefined && ref.handles[HANDLE] === undefined) return;

  const { operation } = ref.stamp;
  const described = machine.task?.machine;
  const address = addressOf(machine);
  const question = {
    id: removalId(operation),
    kind: 'remove' as const,
    target: backend.deps.target,
    stamp: ref.stamp,
    ...(described === undefined ? {} : { machine: described }),
    ...(address === undefined ? {} : { address }),
  };
  await ask(backend, question, op, async () => {
    // After the removal is on disk: the other way round a crash would leave a machine that nobody is asked about.
    if (machine.state === 'asked' && machine.task !== undefined) await withdraw(backend, machine.task);
    const last = (await powerTasks(backend, operation)).at(-1);
    if (last !== undefined) await withdraw(backend, last);
  });
}

function addressOf(machine: Machine): string | undefined {
  return machine.state === 'made' ? machine.instance.ssh?.host : undefined;
}
