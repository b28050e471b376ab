import { type Clock, isProvisionerError, type Secret, sleep } from '../../../src/provisioner/index.ts';
import type { Pve } from '../api.ts';
import { reasonOf } from '../errors.ts';
import type { PveReason } from '../errors-rules.ts';
import { waitForTask } from '../tasks.ts';
import { type FoundTask, findTasks } from '../tasks-find.ts';
import type { Upid } from '../tasks-upid.ts';
import type { Made } from './made.ts';

/** What steps work with. */
export interface Work {
  readonly pve: Pve;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Progress within a step, for a person to watch. */
  say(text: string): void;
  /** The token was made: its secret is told this once. Durable once it resolves. */
  keepToken(token: { readonly id: string; readonly secret: Secret }): Promise<void>;
  /** Only on the host itself: no API call writes there. */
  readonly snippets?: SnippetFolder;
}

/** What a call needs that may have to be made again. */
export type Asking = Pick<Work, 'pve' | 'clock' | 'signal' | 'say'>;

/** Snippets of a storage, as files on this host. */
export interface SnippetFolder {
  write(volid: string, text: string): Promise<void>;
  /** Removing what is not there is success. */
  remove(volid: string): Promise<void>;
}

/** One thing that the setup does. Its `apply` is what a dry run shows, on a host that exists on paper only. */
export interface Step {
  readonly says: string;
  /** What may exist from the moment on that it is begun; absent for a step that only changes what an earlier one made. */
  readonly makes?: Made;
  /** What is gone once it is done. */
  readonly removes?: Made;
  apply(work: Work): Promise<void>;
}

const PAUSES_MS = [1_000, 3_000, 9_000];

/**
 * Makes a call again that may be repeated, while the host is only busy or away for a moment. `already` are the refusals that mean that
 * an earlier attempt, whose answer was lost, had done it.
 */
export async function insist(
  work: Omit<Asking, 'pve'>,
  already: readonly PveReason[],
  call: () => Promise<void>,
): Promise<void> {
  for (const [attempt, pause] of [...PAUSES_MS, undefined].entries()) {
    try {
      return await call();
    } catch (error) {
      const reason = reasonOf(error);
      if (attempt > 0 && reason !== undefined && already.includes(reason)) return;
      if (pause === undefined || !isPassing(error) || work.signal.aborted) throw error;
      work.say(`${error instanceof Error ? error.message : 'it did not work'}; trying again`);
      await sleep(work.clock, pause, work.signal);
    }
  }
}

function isPassing(error: unknown): boolean {
  return isProvisionerError(error) && (error.kind === 'retry' || error.kind === 'throttled');
}

export interface TaskOrder {
  readonly doing: string;
  readonly node: string;
  /** Of the worker, and what it works on: how its task is found when the answer with its id was lost. */
  readonly type: string;
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly limitMs: number;
  /** The refusals that mean, of an order that is repeated, that the first one had come through. */
  readonly already: readonly PveReason[];
}

/**
 * Starts a task and waits until it has ended well. When the answer was lost the task is looked for; where there is none, the order is
 * repeated once, which none of the orders here can do harm by: Proxmox makes no second machine under one VMID, and fetches no file that
 * it has.
 */
export async function runTask(work: Asking, task: TaskOrder, order: () => Promise<Upid | undefined>): Promise<void> {
  const upid = await begin(work, task, order);
  if (upid === undefined) return;
  let shown = '';
  await waitForTask(work.pve, upid, {
    doing: task.doing,
    clock: work.clock,
    signal: work.signal,
    limitMs: task.limitMs,
    onLook: async () => {
      const progress = await progressOf(work, upid);
      if (progress !== undefined && progress !== shown) work.say(progress);
      shown = progress ?? shown;
    },
  });
}

/** Undefined = it is done already. */
async function begin(work: Asking, task: TaskOrder, order: () => Promise<Upid | undefined>): Promise<Upid | undefined> {
  const earlier = new Set((await tasksOf(work, task)).map(({ upid }) => upid));
  const findLate = async () => (await tasksOf(work, task)).find(({ upid }) => !earlier.has(upid))?.upid;
  try {
    return await order();
  } catch (error) {
    const unsure = isProvisionerError(error) && (error.kind === 'unknown-outcome' || error.kind === 'retry');
    if (!unsure || work.signal.aborted) throw error;
    work.say(`${error.message}; looking for the task`);
  }
  await sleep(work.clock, LATE_MS, work.signal);
  const found = await findLate();
  if (found !== undefined) return found;
  try {
    return await order();
  } catch (error) {
    const reason = reasonOf(error);
    if (reason === undefined || !task.already.includes(reason)) throw error;
    return findLate();
  }
}

/** A request may still be on its way to a worker when its connection breaks. */
const LATE_MS = 3_000;

async function tasksOf({ pve, signal }: Asking, { node, type, since, id }: TaskOrder): Promise<FoundTask[]> {
  return (await findTasks(pve, { node, type, since }, signal)).filter((task) => task.id === id);
}

/** The last percentage that a download or an import has logged. */
async function progressOf({ pve, signal }: Asking, upid: Upid): Promise<string | undefined> {
  try {
    const lines = await pve.tasks.log(upid, { start: 0, limit: 2_000 }, signal);
    return lines
      .flatMap((line) => /\b(\d{1,3}(?:\.\d+)?)%/.exec(line)?.[1] ?? [])
      .map((part) => `${Math.floor(Number(part))} %`)
      .at(-1);
  } catch (error) {
    // Progress is only for looking at; the task itself is waited for elsewhere, which says what is wrong.
    if (isProvisionerError(error)) return undefined;
    throw error;
  }
}
