import { type Clock, isProvisionerError, sleep } from '../../src/provisioner/index.ts';
import type { Pve } from './api.ts';
import { oneLine, PveProblem, reasonOf, refused } from './errors.ts';
import type { Upid } from './tasks-upid.ts';
import type { PveTaskStatus } from './wire-tasks.ts';

export interface Waiting {
  /** Completes the sentence "The task failed that was to …". */
  readonly doing: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Milliseconds after which the task is left to itself. */
  readonly limitMs: number;
  /** Milliseconds without any readable answer before the wait ends. Default: 3 minutes, in which a node can restart its daemons. */
  readonly patienceMs?: number;
  /** Called after each look at a task that still runs. */
  readonly onLook?: () => void | Promise<void>;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;
const PATIENCE_MS = 180_000;
const TAIL_LINES = 5;
/** More than any task of ours logs; the answer's end is what is wanted, and the host counts from the beginning only. */
const MOST_LINES = 5_000;

/**
 * Waits until a task has ended well, warnings included, and resolves with their number.
 *
 * Errors: what the task's own words mean when it failed, with the end of its log; `unknown-outcome` when it cannot be told how it
 * ended: its process died, the node no longer knows it or stays silent, the limit or the signal came first (it runs on then).
 */
export async function waitForTask(
  pve: Pick<Pve, 'tasks'>,
  upid: Upid,
  waiting: Waiting,
): Promise<{ warnings: number }> {
  const { doing, clock, signal, limitMs, patienceMs = PATIENCE_MS } = waiting;
  const started = clock.monotonic();
  let heard = started;
  for (;;) {
    const look = await lookAt(pve, upid, waiting);
    if ('status' in look && look.status === 'stopped') return ended(pve, upid, look.exitstatus, waiting);
    const now = clock.monotonic();
    if (!('silence' in look)) heard = now;
    else if (now - heard >= patienceMs) throw inTheDark(doing, 'lost', 'its node is silent', look.silence);
    if (now - started >= limitMs) throw inTheDark(doing, 'task-running', `still running after ${limitMs / 1000} s`);
    await waiting.onLook?.();
    // A tenth of the time that has passed: a short task is not waited for longer than it takes.
    const pause = Math.min(Math.max(FIRST_PAUSE_MS, (now - started) / 10), LONGEST_PAUSE_MS);
    // What is left may be less than a clock can show: at least a millisecond, or its time would never be over.
    await pauseFor(Math.max(1, Math.min(pause, limitMs - (now - started))));
  }

  async function pauseFor(ms: number): Promise<void> {
    try {
      await sleep(clock, ms, signal);
    } catch (cause) {
      throw inTheDark(doing, 'cancelled', 'it was left to itself', cause);
    }
  }
}

type Look = PveTaskStatus | { readonly silence: unknown };

async function lookAt(pve: Pick<Pve, 'tasks'>, upid: Upid, { doing, signal }: Waiting): Promise<Look> {
  try {
    return await pve.tasks.status(upid, signal);
  } catch (error) {
    if (reasonOf(error) === 'no-task') throw inTheDark(doing, 'no-task', 'its node does not know it any more', error);
    // A node that restarts its daemons, or a front proxy that does; also a caller who gave up, whom the pause notices.
    if (isProvisionerError(error) && (error.kind === 'retry' || error.kind === 'throttled')) return { silence: error };
    const why = error instanceof Error ? error.message : 'it cannot be read';
    throw inTheDark(doing, reasonOf(error) ?? 'other', why, error);
  }
}

async function ended(
  pve: Pick<Pve, 'tasks'>,
  upid: Upid,
  exit: string | undefined,
  { doing, signal }: Waiting,
): Promise<{ warnings: number }> {
  if (exit === 'OK') return { warnings: 0 };
  const warnings = /^WARNINGS: (\d+)$/.exec(exit ?? '');
  if (warnings !== null) return { warnings: Number(warnings[1]) };
  const { kind, reason, message, publicText } = refused({ doing, effect: 'once', text: exit ?? 'unexpected status' });
  throw new PveProblem(kind, reason, `${message}${await tailOf(pve, upid, signal)}`, { publicText });
}

/** Why an image could not be fetched, or a guest not started, stands in the log only. A log that cannot be read changes nothing. */
async function tailOf(pve: Pick<Pve, 'tasks'>, upid: Upid, signal: AbortSignal): Promise<string> {
  try {
    const lines = await pve.tasks.log(upid, { start: 0, limit: MOST_LINES }, signal);
    const tail = lines.filter((line) => line.trim() !== '' && !line.startsWith('TASK ')).slice(-TAIL_LINES);
    return tail.length === 0 ? '' : `; its log ends: ${oneLine(tail.join(' / '))}`;
  } catch (error) {
    return `; its log could not be read: ${error instanceof Error ? oneLine(error.message) : 'no reason given'}`;
  }
}

function inTheDark(doing: string, reason: PveProblem['reason'], why: string, cause?: unknown): PveProblem {
  const text = `It is not known how the task ended that was to ${doing}: ${why}`;
  return new PveProblem('unknown-outcome', reason, text, { cause });
}
