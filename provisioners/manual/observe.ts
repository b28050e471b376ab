import type { CallContext, Instance, Listing, Observed, OwnedRef } from '../../src/provisioner/index.ts';
import type { Backend } from './backend.ts';
import { externalIdOf, findMachine, HANDLE, type Machine, machineOf } from './machine.ts';
import type { Task } from './wire.ts';

/** What the operator last said. Whether the machine answers is for the agent's probes to find out. */
export async function observeMachine(backend: Backend, ref: OwnedRef): Promise<Observed> {
  const machine = await findMachine(backend, ref);
  switch (machine.state) {
    case 'made':
      return { state: 'present', instance: machine.instance };
    case 'asked':
      return { state: 'unknown', why: 'a person was asked to make it and has not answered' };
    case 'unrecorded':
      if (ref.externalId === undefined && ref.handles[HANDLE] === undefined) return { state: 'absent' };
      return { state: 'unknown', why: 'the record of its task is missing' };
    default:
      return { state: 'absent' };
  }
}

/** Machines that were made, and those that somebody may be making. */
export async function listMachines(backend: Backend, ctx: CallContext): Promise<Listing> {
  const { tasks, unreadable } = await backend.store.all();
  const ours = tasks.filter(({ kind, stamp }) => kind === 'create' && stamp.agent === backend.deps.agent);
  const machines = await Promise.all(ours.map(async (task) => seen(task, await machineOf(backend, task))));
  if (unreadable > 0) ctx.log.warn({ unreadable }, 'some task files cannot be read, so the list is incomplete');
  return { complete: unreadable === 0, instances: machines.filter((machine) => machine !== undefined) };
}

function seen(task: Task, machine: Machine): Instance | undefined {
  if (machine.state === 'made') return machine.instance;
  if (machine.state !== 'asked') return undefined;
  return { externalId: externalIdOf(task.stamp.operation), stamp: task.stamp, power: 'transition' };
}
