import { constants } from 'node:os';
import { type Clock, sleep } from '../ports/clock.ts';
import type { OperationId } from '../ports/ids.ts';
import { openSession, type RootAccess, type Session, SessionError } from './recipe-session.ts';
import {
  AWAIT,
  BEGUN,
  CLOUD_INIT_SECONDS,
  deliver,
  placeOf,
  SETTLED,
  SUPERVISOR_GRACE_SECONDS,
  supervisor,
} from './recipe-supervisor.ts';

export interface Recipe {
  /** Decides that it runs once: the same id again finds what became of the first. */
  readonly operation: OperationId;
  /** At most 64 KiB. Its first line may name an interpreter; otherwise it is for /bin/sh. */
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  /** For the script itself; when they are over it is ended with everything that it started. */
  readonly limitSeconds: number;
}

export interface RecipeDeps {
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** What became of a recipe. Everything in it is the guest's word. */
export type RecipeOutcome =
  | {
      readonly state: 'finished';
      /** 128 and more when a signal ended it. */
      readonly exit: number;
      /** Such as `SIGKILL`. */
      readonly signal?: string;
      readonly inTime: 'yes' | 'no';
      readonly seconds: number;
      /** The end of what it printed (of the first MiB). Foreign text that may hold secrets. */
      readonly output: string;
      /** How cloud-init had ended before it began, where that was not well. */
      readonly cloudInit?: 'failed' | 'unfinished';
    }
  /** It has begun, and its end will never be known: the machine was restarted, or somebody ended the supervisor. */
  | { readonly state: 'interrupted' }
  /** Nobody could be asked up to the end of its time. It may run, have run, or never run. */
  | { readonly state: 'unreachable'; readonly why: string }
  | { readonly state: 'key-refused' }
  | { readonly state: 'wrong-host-key'; readonly hostKey: string }
  /** The machine answers, but not as one that does what it is told. */
  | { readonly state: 'unsound'; readonly why: string };

/** The platform's own limit. */
export const MAX_SCRIPT_BYTES = 65_536;

/** For logging in and handing over, beside the script's own time. */
const SLACK_MS = 60_000;
const COMMAND_MS = 30_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
const MAX_OUTPUT_BYTES = 16 * 1024;

/**
 * Runs a recipe as root in a machine, at most once for each operation, and resolves with what became of it.
 *
 * The script is handed over whole before it is begun, and from then on runs without us: when the connection is lost, or the agent
 * itself, a later call finds it under its operation id and waits for its end. Time and memory are bounded whatever the machine
 * does. Rejects only with the signal's reason, and with RangeError for a script that is too large.
 */
export async function runRecipe(access: RootAccess, recipe: Recipe, deps: RecipeDeps): Promise<RecipeOutcome> {
  if (Buffer.byteLength(recipe.script) > MAX_SCRIPT_BYTES) throw new RangeError('the recipe is larger than 64 KiB');
  const { clock, signal } = deps;
  const patienceMs = (CLOUD_INIT_SECONDS + recipe.limitSeconds + SUPERVISOR_GRACE_SECONDS) * 1000 + SLACK_MS;
  const deadline = clock.monotonic() + patienceMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    signal.throwIfAborted();
    try {
      return await visit(access, recipe, deps, deadline);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof SessionError)) throw error;
      const { problem } = error;
      if (problem.state !== 'lost') return problem;
      if (clock.monotonic() + pauseMs > deadline) return { state: 'unreachable', why: problem.why };
    }
    await sleep(clock, pauseMs, signal);
  }
}

/** One connection's worth: finds out how far it is, does what is missing, and waits for the end. */
async function visit(
  access: RootAccess,
  recipe: Recipe,
  { clock, signal }: RecipeDeps,
  deadline: number,
): Promise<RecipeOutcome> {
  const session = await openSession(access, { clock, signal, timeoutMs: COMMAND_MS });
  try {
    const place = placeOf(recipe.operation);
    let before: CloudInit | undefined;
    if ((await ask(session, BEGUN(place))) === 'absent\n') {
      const timeoutMs = CLOUD_INIT_SECONDS * 1000 + COMMAND_MS;
      const settled = await session.run(SETTLED, { maxBytes: 64 * 1024, timeoutMs });
      before = cloudInitOf(settled.output);
      await hand(session, place, 'script', withInterpreter(recipe.script));
      await hand(session, place, 'supervise', supervisor(recipe));
    }
    const leftMs = Math.max(deadline - clock.monotonic(), 1_000);
    const { output } = await session.run(AWAIT(place), { maxBytes: 2 * MAX_OUTPUT_BYTES, timeoutMs: leftMs });
    const end = outcome(output);
    if (end.state !== 'finished' || before === undefined) return end;
    return { ...end, cloudInit: before, output: `${CONCERN[before]}${end.output}` };
  } finally {
    session.close();
  }
}

async function ask(session: Session, command: string): Promise<string> {
  const { exit, output } = await session.run(command, { maxBytes: 1024, timeoutMs: COMMAND_MS });
  if (exit === 0) return output;
  throw new SessionError({ state: 'unsound', why: `It could not be looked for (exit ${exit}).` });
}

async function hand(session: Session, place: string, file: 'script' | 'supervise', text: string): Promise<void> {
  const input = Buffer.from(text);
  const command = deliver(place, file, input.length);
  const { exit } = await session.run(command, { input, maxBytes: 4096, timeoutMs: COMMAND_MS });
  if (exit === 0) return;
  throw new SessionError({ state: 'unsound', why: `It could not be handed over (exit ${exit}).` });
}

function withInterpreter(script: string): string {
  return script.startsWith('#!') ? script : `#!/bin/sh\n${script}`;
}

const SIGNALS = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));

function outcome(text: string): RecipeOutcome {
  if (text === 'interrupted\n') return { state: 'interrupted' };
  const [head, code, late, seconds] = /^end ([0-9]{1,3}) (late|in-time) ([0-9]{1,6})\n/.exec(text) ?? [];
  if (head === undefined || code === undefined || seconds === undefined) {
    return { state: 'unsound', why: 'Its end is not told as it should be.' };
  }
  const exit = Number(code);
  const signal = exit > 128 ? SIGNALS.get(exit - 128) : undefined;
  return {
    state: 'finished',
    exit,
    ...(signal === undefined ? {} : { signal }),
    inTime: late === 'late' ? 'no' : 'yes',
    seconds: Number(seconds),
    output: text.slice(head.length).slice(-MAX_OUTPUT_BYTES),
  };
}

type CloudInit = NonNullable<Extract<RecipeOutcome, { state: 'finished' }>['cloudInit']>;

function cloudInitOf(settled: string): CloudInit | undefined {
  if (settled.includes('unfinished')) return 'unfinished';
  return settled.includes('error') ? 'failed' : undefined;
}

/** What the operator should know of how cloud-init stands when the script begins. */
const CONCERN: Readonly<Record<CloudInit, string>> = {
  unfinished: `cloud-init had not ended after ${CLOUD_INIT_SECONDS} s, see cloud-init status --long\n`,
  failed: 'cloud-init ended with an error, see cloud-init status --long\n',
};
