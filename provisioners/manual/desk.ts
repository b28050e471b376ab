import { randomBytes } from 'node:crypto';
import { chown, link, open, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { answerName, openStore, type Store } from './store.ts';
import { type Answer, answer, encode, place, type Task } from './wire.ts';

/** The operator's side of the tasks of one target. It needs no running agent. */
export interface Desk {
  /** Oldest first; how many files could not be read beside. */
  list(): Promise<{ readonly tasks: readonly TaskView[]; readonly unreadable: number }>;
  /** Durable once it resolves; the agent takes it up by itself. Throws DeskError when the task takes no answer. */
  done(id: string, given: Given, now: number): Promise<void>;
  fail(id: string, given: { readonly reason: string; readonly permanent: boolean }, now: number): Promise<void>;
}

export interface TaskView extends Task {
  readonly state: 'open' | 'done' | 'failed' | 'withdrawn';
  readonly answer?: Answer;
}

export interface Given {
  readonly address?: string;
  readonly port?: number;
  readonly user?: string;
  readonly note?: string;
}

/** The operator asked for something that this task does not take. */
export class DeskError extends Error {
  override readonly name = 'DeskError';
}

const settings = z.object({ task_dir: z.string() });

/** `targetSettings` are the parsed settings of a target of type manual. */
export function openDesk(targetSettings: unknown, target: string): Desk {
  const store = openStore(join(settings.parse(targetSettings).task_dir, target));
  return {
    async list() {
      const { tasks, unreadable } = await store.all();
      const views = await Promise.all(tasks.map((task) => view(store, task)));
      return { tasks: views.sort((one, other) => one.askedAt - other.askedAt), unreadable };
    },
    async done(id, given, now) {
      const task = await openTask(store, id);
      const { note, ...where } = given;
      const located = Object.keys(where).length > 0;
      if (task.kind === 'create' && given.address === undefined) throw new DeskError('a new machine needs an address');
      if (task.kind !== 'create' && (located || note !== undefined)) {
        throw new DeskError(`a task to ${task.kind} takes neither an address nor a note`);
      }
      const said = { verdict: 'done', ...(located ? { place: checked(place, where) } : {}), ...(note ? { note } : {}) };
      await give(store, task, said, now);
    },
    async fail(id, given, now) {
      await give(store, await openTask(store, id), { verdict: 'failed', ...given }, now);
    },
  };
}

async function view(store: Store, task: Task): Promise<TaskView> {
  const given = await store.answer(task);
  if (given !== undefined) return { ...task, state: given.verdict, answer: given };
  return { ...task, state: task.withdrawn === true ? 'withdrawn' : 'open' };
}

async function openTask(store: Store, id: string): Promise<Task> {
  const task = await store.task(id);
  if (task === undefined) throw new DeskError('there is no such task');
  const { state } = await view(store, task);
  if (state !== 'open') throw new DeskError(`the task is ${state} already`);
  return task;
}

async function give({ directory }: Store, task: Task, said: object, now: number): Promise<void> {
  const full = checked(answer, { version: 1, task: task.id, round: task.round, answeredAt: now, ...said });
  const path = join(directory, answerName(task));
  const draft = join(directory, `.${randomBytes(8).toString('hex')}.draft`);
  const handle = await open(draft, 'wx', 0o600);
  try {
    try {
      await handle.writeFile(encode(full));
      // Root answers for an agent that is not root, and that has to read it.
      const { uid, gid } = await stat(directory);
      if (process.getuid?.() === 0) await chown(draft, uid, gid);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // Unlike a rename it never replaces: of two operators who answer at once, one is told that he was second.
    await link(draft, path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    throw new DeskError('the task was answered by somebody else just now', { cause });
  } finally {
    await unlink(draft);
  }
  const entry = await open(directory, 'r');
  try {
    await entry.sync();
  } finally {
    await entry.close();
  }
}

function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new DeskError(`${issue?.path.map(String).at(-1) ?? 'the answer'}: ${issue?.message ?? 'is not valid'}`);
}
