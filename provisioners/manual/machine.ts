import { isIPv6 } from 'node:net';
import {
  type ExternalId,
  type Instance,
  type OwnedRef,
  type PowerState,
  ProvisionerError,
} from '../../src/provisioner/index.ts';
import type { Backend } from './backend.ts';
import type { Answer, Task } from './wire.ts';

/** What the tasks tell about the machine of one operation. */
export type Machine =
  | { readonly state: 'unrecorded' | 'asked' | 'never-made' | 'removed'; readonly task?: Task }
  | { readonly state: 'made'; readonly task: Task; readonly instance: Instance };

export const HANDLE = 'task';

/** The task that makes a machine names it, too. */
export const externalIdOf = (operation: string): ExternalId => `create-${operation}` as ExternalId;
export const removalId = (operation: string): string => `remove-${operation}`;

/** Throws `not-ours` when what is known under the external id belongs to another agent, contract or operation. */
export async function findMachine(backend: Backend, ref: OwnedRef): Promise<Machine> {
  const id = ref.externalId ?? externalIdOf(ref.stamp.operation);
  // Other forms were never ours, and must not become a path.
  if (!/^create-[0-9a-f]{32}$/.test(id)) throw notOurs(ref, id);
  const task = await backend.store.task(id);
  if (task === undefined) {
    if (id !== externalIdOf(ref.stamp.operation)) throw notOurs(ref, id);
    return removalOf(backend, ref.stamp.operation, { state: 'unrecorded' });
  }
  const { agent, contract, operation } = task.stamp;
  if (agent !== ref.stamp.agent || contract !== ref.stamp.contract || operation !== ref.stamp.operation) {
    throw notOurs(ref, id);
  }
  return machineOf(backend, task);
}

/** The machine behind a task that makes one. */
export async function machineOf(backend: Backend, task: Task): Promise<Machine> {
  const removal = await removalOf(backend, task.stamp.operation, { state: 'asked', task });
  if (removal.state === 'removed') return removal;
  const answer = await backend.store.answer(task);
  if (answer === undefined) return { state: 'asked', task };
  if (answer.verdict === 'failed') return { state: 'never-made', task };
  return { state: 'made', task, instance: toInstance(task, answer, await powerOf(backend, task.stamp.operation)) };
}

/** A machine as the operator described it. */
export function toInstance(task: Task, answer: Extract<Answer, { verdict: 'done' }>, power: PowerState): Instance {
  const { place, note } = answer;
  return {
    externalId: externalIdOf(task.stamp.operation),
    stamp: task.stamp,
    power,
    ...(place === undefined ? {} : isIPv6(place.address) ? { ipv6: place.address } : { ipv4: place.address }),
    ...(place === undefined ? {} : { ssh: { host: place.address, port: place.port, user: place.user } }),
    ...(note === undefined ? {} : { additionalDetails: note }),
  };
}

/** Every power task of one machine, oldest first. */
export async function powerTasks({ store }: Backend, operation: string): Promise<Task[]> {
  const tasks: Task[] = [];
  for (;;) {
    const task = await store.task(powerId(tasks.length + 1, operation));
    if (task === undefined) return tasks;
    tasks.push(task);
  }
}

export const powerId = (count: number, operation: string): string => `power-${count}-${operation}`;

async function powerOf(backend: Backend, operation: string): Promise<PowerState> {
  const last = (await powerTasks(backend, operation)).at(-1);
  if (last === undefined) return 'running';
  if ((await backend.store.answer(last))?.verdict !== 'done') return 'transition';
  return last.kind === 'stop' ? 'stopped' : 'running';
}

async function removalOf({ store }: Backend, operation: string, otherwise: Machine): Promise<Machine> {
  const removal = await store.task(removalId(operation));
  const answer = removal === undefined ? undefined : await store.answer(removal);
  return answer?.verdict === 'done' ? { state: 'removed' } : otherwise;
}

function notOurs({ stamp }: OwnedRef, id: string): ProvisionerError {
  return new ProvisionerError('not-ours', `Task ${id} does not carry the stamp of contract ${stamp.contract}.`);
}
