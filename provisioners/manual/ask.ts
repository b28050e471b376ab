import { watch } from 'node:fs';
import { type CallContext, ProvisionerError } from '../../src/provisioner/index.ts';
import type { Backend } from './backend.ts';
import type { Answer, Task } from './wire.ts';

type Question = Omit<Task, 'version' | 'round' | 'askedAt' | 'withdrawn'>;
type Done = Extract<Answer, { verdict: 'done' }>;

/**
 * Asks a person, and waits for "done". The same id again finds the same task, and the answer that it may have by then; a task that
 * ended with "failed" is asked once more, in a new round. `asked` runs when the task is on disk, before anybody is told.
 * Throws `retry` or `permanent` as the operator said, and `unknown-outcome` when the signal ends the wait: the task stands.
 */
export async function ask(
  backend: Backend,
  question: Question,
  ctx: CallContext,
  asked?: (task: Task) => Promise<void>,
): Promise<Done> {
  assertWanted(ctx.signal, question.id);
  const task = await serially(backend, () => openTask(backend, question));
  await asked?.(task);
  if ((await backend.store.answer(task)) === undefined) backend.notices.tell(task);
  const answer = await awaitAnswer(backend, task, ctx.signal);
  if (answer.verdict === 'done') return answer;
  throw failed(task, answer);
}

/** Takes a task back: an answer to it changes nothing any more. */
export async function withdraw(backend: Backend, task: Task): Promise<void> {
  if (task.withdrawn !== true) await backend.store.write({ ...task, withdrawn: true });
}

async function openTask(backend: Backend, question: Question): Promise<Task> {
  const { store, deps } = backend;
  const earlier = await store.task(question.id);
  const answer = earlier === undefined ? undefined : await store.answer(earlier);
  const again = answer?.verdict === 'failed' && !(answer.permanent && question.kind === 'create');
  if (earlier !== undefined && !again) return earlier;
  const task: Task = { version: 1, round: (earlier?.round ?? 0) + 1, askedAt: deps.clock.now(), ...question };
  await store.write(task);
  deps.log.info({ task: task.id, kind: task.kind, contract: task.stamp.contract }, 'a person was asked to act');
  return task;
}

const queues = new WeakMap<Backend, Promise<unknown>>();

/** A call that was cancelled may still be writing when the next one begins: one at a time, for the file's sake. */
function serially<T>(backend: Backend, work: () => Promise<T>): Promise<T> {
  const turn = (queues.get(backend) ?? Promise.resolve()).then(work);
  queues.set(
    backend,
    turn.catch(() => undefined),
  );
  return turn;
}

/** A watch can be lost without a word (network file systems, a replaced directory), so it only shortens the wait. */
const LOOK_EVERY_MS = 15_000;

async function awaitAnswer(backend: Backend, task: Task, signal: AbortSignal): Promise<Answer> {
  const { store, deps } = backend;
  let wake: () => void = () => undefined;
  let seen = 0;
  const changed = (): void => {
    seen += 1;
    wake();
  };
  const watcher = watchDirectory(store.directory, changed);
  signal.addEventListener('abort', changed, { once: true });
  try {
    for (;;) {
      const before = seen;
      assertWanted(signal, task.id);
      const answer = await store.answer(task);
      if (answer !== undefined) return answer;
      await new Promise<void>((resolve) => {
        const cancel = deps.clock.after(LOOK_EVERY_MS, resolve);
        wake = () => {
          cancel();
          resolve();
        };
        if (seen !== before) wake();
      });
    }
  } finally {
    watcher.close();
    signal.removeEventListener('abort', changed);
  }
}

function watchDirectory(directory: string, changed: () => void): { close(): void } {
  try {
    const watcher = watch(directory, { persistent: false }, changed);
    // Without a watch the slow look alone finds the answer.
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    // The system's limit of watches, or a directory that went away: the next look says what is the matter.
    return { close: () => undefined };
  }
}

function assertWanted(signal: AbortSignal, id: string): void {
  if (!signal.aborted) return;
  throw new ProvisionerError('unknown-outcome', `The wait for task ${id} was ended before it was answered.`, {
    cause: signal.reason,
  });
}

function failed(task: Task, answer: Extract<Answer, { verdict: 'failed' }>): ProvisionerError {
  const text = `The operator answered task ${task.id} (${task.kind}) with: ${answer.reason}`;
  if (!answer.permanent) return new ProvisionerError('retry', text);
  // Only an order can be impossible; a machine that cannot be removed stays the operator's to see to.
  return new ProvisionerError(task.kind === 'create' ? 'permanent' : 'config', text);
}
