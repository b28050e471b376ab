import { type Instance, type MachineOrder, type Operation, ProvisionerError } from '../../src/provisioner/index.ts';
import { ask } from './ask.ts';
import type { Backend } from './backend.ts';
import { externalIdOf, HANDLE, removalId, toInstance } from './machine.ts';

/**
 * Asks for the machine and waits for the operator as long as the signal lets it. The task's file is the operation's memory: called
 * again, after whatever end, it goes on waiting for the same answer.
 */
export async function createMachine(backend: Backend, order: MachineOrder, op: Operation): Promise<Instance> {
  const { stamp, name, offering, cpuCores, memoryMb, storageGb, sshKey } = order;
  if ((await backend.store.task(removalId(stamp.operation))) !== undefined) {
    throw new ProvisionerError(
      'retry',
      `The removal of machine ${externalIdOf(stamp.operation)} was asked for already.`,
    );
  }
  const machine = {
    name,
    offering,
    sshKey,
    ...(cpuCores === undefined ? {} : { cpuCores }),
    ...(memoryMb === undefined ? {} : { memoryMb }),
    ...(storageGb === undefined ? {} : { storageGb }),
  };
  const question = {
    id: externalIdOf(stamp.operation),
    kind: 'create' as const,
    target: backend.deps.target,
    stamp,
    machine,
  };
  const answer = await ask(backend, question, op, (task) => op.remember(HANDLE, task.id));
  const task = await backend.store.task(question.id);
  if (task === undefined || answer.place === undefined) {
    throw new ProvisionerError('config', `The answer to task ${question.id} has no address, or its task is gone.`);
  }
  return toInstance(task, answer, 'running');
}
