import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../../src/provisioner/index.ts';

export interface RunRequest {
  /** Absolute path; started without arguments and without a shell. */
  readonly executable: string;
  /** Written to stdin, then end of file. */
  readonly stdin: string;
  /** Names of variables that are passed on besides PATH, HOME, LANG and TZ. */
  readonly forwardEnv: readonly string[];
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

export type RunEnd =
  | { readonly how: 'exit'; readonly code: number }
  | { readonly how: 'signal'; readonly signal: string }
  | { readonly how: 'time-limit' }
  | { readonly how: 'aborted' }
  /** Nothing ran. `code` is the system's error code, or ABORTED. */
  | { readonly how: 'not-started'; readonly code: string; readonly cause?: unknown };

export interface RunResult {
  readonly end: RunEnd;
  readonly stdout: Captured;
  readonly stderr: Captured;
}

export interface Captured {
  /** The first MiB. */
  readonly bytes: Buffer;
  /** True when there was more. */
  readonly cut: boolean;
}

/**
 * Runs one script to its end and never rejects. It has its own process group: at the time limit or on abort the whole group gets SIGTERM,
 * two seconds later SIGKILL. After a normal exit what it left running is left alone, since that may be the machine itself.
 */
export async function runScript(request: RunRequest): Promise<RunResult> {
  if (request.signal.aborted) return notStarted('ABORTED');
  let child: Child;
  try {
    child = spawn(request.executable, [], {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
      cwd: '/',
      env: cleanEnvironment(request.forwardEnv),
    });
  } catch (cause) {
    return notStarted(codeOf(cause), cause);
  }
  const stdout = capture(child.stdout);
  const stderr = capture(child.stderr);
  // A script may answer without reading its order; the broken pipe is its right and no failure.
  child.stdin.on('error', () => {});
  child.stdin.end(request.stdin);

  const gone = whenGone(child);
  const cut = whenCut(request);
  const first = await Promise.race([gone, cut.promise]);
  cut.cancel();
  try {
    if (typeof first !== 'string') {
      if ('cause' in first) return notStarted(codeOf(first.cause), first.cause);
      await drain(child, stdout, stderr);
      return { end: first, stdout: stdout.captured(), stderr: stderr.captured() };
    }
    if (child.pid !== undefined) await endGroup(child.pid, gone, request.clock);
    return { end: { how: first }, stdout: stdout.captured(), stderr: stderr.captured() };
  } finally {
    // Grandchildren may hold the other ends for ever.
    for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.destroy();
    child.unref();
  }
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;
type Gone = Extract<RunEnd, { how: 'exit' | 'signal' }> | { readonly cause: unknown };

const CAPTURE_BYTES = 1024 * 1024;
const TERM_GRACE_MS = 2000;
const KILL_GRACE_MS = 2000;
const ALWAYS_PASSED = ['PATH', 'HOME', 'LANG', 'TZ'];

function notStarted(code: string, cause?: unknown): RunResult {
  const empty = { bytes: Buffer.alloc(0), cut: false };
  return { end: { how: 'not-started', code, ...(cause === undefined ? {} : { cause }) }, stdout: empty, stderr: empty };
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : 'UNKNOWN';
}

/** The agent's own environment may hold credentials, so nothing passes unless it is named. */
function cleanEnvironment(forward: readonly string[]): Record<string, string> {
  const passed = [...ALWAYS_PASSED, ...forward].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(passed);
}

interface Capture {
  seen: number;
  captured(): Captured;
}

/** Reads on when the cap is reached: a script that blocks on a full pipe would never end. */
function capture(stream: Readable): Capture {
  const chunks: Buffer[] = [];
  const state: Capture = {
    seen: 0,
    captured: () => ({ bytes: Buffer.concat(chunks), cut: state.seen > CAPTURE_BYTES }),
  };
  stream.on('data', (chunk: Buffer) => {
    const room = CAPTURE_BYTES - state.seen;
    if (room > 0) chunks.push(chunk.subarray(0, room));
    state.seen += chunk.length;
  });
  // A pipe that breaks has simply ended.
  stream.on('error', () => {});
  return state;
}

/** `exit`, not `close`: close waits until the last grandchild has let go of the pipes. */
function whenGone(child: Child): Promise<Gone> {
  return new Promise((resolve) => {
    child.once('error', (cause) => resolve({ cause }));
    child.once('exit', (code, signal) =>
      resolve(code === null ? { how: 'signal', signal: signal ?? 'unknown' } : { how: 'exit', code }),
    );
  });
}

function whenCut(request: RunRequest): { promise: Promise<'time-limit' | 'aborted'>; cancel(): void } {
  let cancel = (): void => {};
  const promise = new Promise<'time-limit' | 'aborted'>((resolve) => {
    const onAbort = (): void => resolve('aborted');
    request.signal.addEventListener('abort', onAbort, { once: true });
    const stop = request.clock.after(request.timeoutMs, () => resolve('time-limit'));
    cancel = () => {
      stop();
      request.signal.removeEventListener('abort', onAbort);
    };
  });
  return { promise, cancel };
}

/**
 * All that the script wrote before its exit is in the pipes already, so the reader is done once a full turn of the event
 * loop (two `setImmediate`, which enclose a poll for readable pipes) brought nothing new. No time needs to pass.
 */
async function drain(child: Child, ...captures: Capture[]): Promise<void> {
  const total = (): number => captures.reduce((sum, { seen }) => sum + seen, 0);
  for (let turn = 0; turn < 1000; turn++) {
    if (child.stdout.readableEnded && child.stderr.readableEnded) return;
    const before = total();
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    if (total() === before) return;
  }
}

async function endGroup(group: number, gone: Promise<Gone>, clock: Clock): Promise<void> {
  signalGroup(group, 'SIGTERM');
  if (await groupEmpty(group, TERM_GRACE_MS, clock)) return void (await gone);
  signalGroup(group, 'SIGKILL');
  await groupEmpty(group, KILL_GRACE_MS, clock);
}

/** False when the group has no process left, or none that we may signal. Signal 0 only asks. */
function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal);
  } catch (error) {
    if (codeOf(error) === 'ESRCH' || codeOf(error) === 'EPERM') return false;
    throw error;
  }
}

/** Nothing tells when somebody else's children are gone, so it looks again every 20 ms. */
async function groupEmpty(group: number, limitMs: number, clock: Clock): Promise<boolean> {
  const end = clock.monotonic() + limitMs;
  while (signalGroup(group, 0)) {
    if (clock.monotonic() >= end) return false;
    await new Promise<void>((resolve) => clock.after(20, resolve));
  }
  return true;
}
