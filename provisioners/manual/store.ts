import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemDisk } from '../../src/ports/system-disk.ts';
import { ProvisionerError } from '../../src/provisioner/index.ts';
import { type Answer, decodeAnswer, decodeTask, encode, type Task } from './wire.ts';

/**
 * The tasks of one target as files. Each file has one writer, so no lock is needed: tasks and marks are the agent's, answers the
 * operator's, and an answer is never changed.
 */
export interface Store {
  readonly directory: string;
  /** Throws `config` when the directory cannot be used; an unreadable one must never look like an empty one. */
  ready(): Promise<void>;
  task(id: string): Promise<Task | undefined>;
  write(task: Task): Promise<void>;
  answer(task: Task): Promise<Answer | undefined>;
  /** Every task that can be read, and how many could not. */
  all(): Promise<{ readonly tasks: readonly Task[]; readonly unreadable: number }>;
  notified(task: Task): Promise<boolean>;
  markNotified(task: Task): Promise<void>;
}

export function openStore(directory: string): Store {
  const path = (name: string): string => join(directory, name);
  const read = <T>(name: string, decode: (bytes: Uint8Array) => T): Promise<T | undefined> =>
    guarded(path(name), async () => {
      const bytes = await systemDisk.read(path(name));
      if (bytes !== undefined) return decode(bytes);
      // Missing means something only where the directory itself is there.
      await stat(directory);
      return undefined;
    });
  const store: Store = {
    directory,
    ready: () => guarded(directory, async () => void (await systemDisk.list(directory))),
    task: (id) => read(`${id}${TASK}`, decodeTask),
    write: (task) => guarded(directory, () => systemDisk.replace(path(`${task.id}${TASK}`), encode(task))),
    async answer(task) {
      const found = await read(answerName(task), decodeAnswer);
      if (found === undefined || (found.task === task.id && found.round === task.round)) return found;
      throw new ProvisionerError('config', `${path(answerName(task))} is the answer to another task: remove it.`);
    },
    async all() {
      const names = await guarded(directory, () => systemDisk.list(directory));
      const ids = names.filter((name) => name.endsWith(TASK)).map((name) => name.slice(0, -TASK.length));
      const read = await Promise.allSettled(ids.map((id) => store.task(id)));
      const tasks = read.flatMap((one) => (one.status === 'fulfilled' && one.value !== undefined ? [one.value] : []));
      return { tasks, unreadable: ids.length - tasks.length };
    },
    notified: async (task) => (await read(markName(task), () => true)) === true,
    markNotified: (task) => guarded(directory, () => systemDisk.replace(path(markName(task)), new Uint8Array())),
  };
  return store;
}

/** The operator's own file for one round of a task. */
export function answerName({ id, round }: Pick<Task, 'id' | 'round'>): string {
  return `${id}.${round}.answer.json`;
}

const TASK = '.task.json';

function markName({ id, round }: Task): string {
  return `${id}.${round}.sent`;
}

async function guarded<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new ProvisionerError(
      'config',
      `The task file or directory ${path} cannot be used: ${reasonOf(cause)}. Nothing is concluded from it; ` +
        'make it readable and writable for the agent’s user, or restore it.',
      { cause },
    );
  }
}

function reasonOf(cause: unknown): string {
  if (cause instanceof Error && 'code' in cause) return String(cause.code);
  return 'it does not hold what was written';
}
