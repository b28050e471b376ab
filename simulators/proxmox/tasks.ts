import type { Clock } from '../../src/ports/clock.ts';
import type { Caller, TaskContext, TaskSpec } from './call.ts';
import type { TaskFault } from './faults.ts';

/** A worker's record, as the host keeps it after the worker's end. */
export interface Task {
  readonly upid: string;
  readonly node: string;
  readonly pid: number;
  readonly pstart: number;
  /** Seconds since 1970. */
  readonly startTime: number;
  endTime?: number;
  readonly type: string;
  readonly id: string;
  readonly caller: Caller;
  /** Without it the task runs. */
  exitStatus?: string;
  readonly log: string[];
}

export interface Tasks {
  /** Starts a worker; its first step runs after the call that started it was answered, at the earliest. */
  start(spec: TaskSpec): string;
  find(upid: string): Task | undefined;
  /** Newest first. */
  of(node: string): readonly Task[];
  /** Resolves with the exit status once the task has ended. */
  end(upid: string): Promise<string>;
  stop(upid: string): void;
  /** The node lost power: its workers are gone, and nobody wrote an end. */
  killAll(node: string): void;
  /** All running tasks have ended, also those that they start. */
  settled(): Promise<void>;
}

interface Running {
  readonly task: Task;
  readonly abort: AbortController;
  killed: boolean;
  readonly ended: Promise<string>;
  readonly finish: (exitStatus: string) => void;
}

/** What the API says of a worker that left no end in its log: killed, or its node went down. */
const NO_END = 'unexpected status';

/** The task list of a cluster, with UPIDs of the true form. */
export function createTasks({
  clock,
  bootedAt,
  faultOf,
  firstPid = 0x2_3f0,
}: {
  readonly clock: Clock;
  /** When that node was switched on, in ms; `pstart` counts hundredths of a second from there. */
  readonly bootedAt: (node: string) => number;
  readonly faultOf: (type: string, id: string) => TaskFault | undefined;
  readonly firstPid?: number;
}): Tasks {
  const all = new Map<string, Task>();
  const running = new Map<string, Running>();
  let pid = firstPid;

  function begin(spec: TaskSpec): Running {
    pid += 1 + (pid % 7);
    const now = clock.now();
    const startTime = Math.floor(now / 1000);
    const pstart = Math.max(1, Math.floor((now - bootedAt(spec.node)) / 10));
    const { node, type, id, caller } = spec;
    const upid = `UPID:${[node, hex(pid), hex(pstart), hex(startTime), type, id, nameOf(caller)].join(':')}:`;
    const task: Task = { upid, node, pid, pstart, startTime, type, id, caller, log: [] };
    const abort = new AbortController();
    let finish: Running['finish'] = () => {};
    const ended = new Promise<string>((resolve) => {
      finish = (exitStatus) => {
        if (!running.delete(upid)) return;
        task.exitStatus = exitStatus;
        task.endTime = Math.floor(clock.now() / 1000);
        resolve(exitStatus);
      };
    });
    const entry: Running = { task, abort, killed: false, ended, finish };
    all.set(upid, task);
    running.set(upid, entry);
    return entry;
  }

  async function work(spec: TaskSpec, entry: Running): Promise<void> {
    const { task, finish, abort } = entry;
    let warnings = 0;
    const context: TaskContext = {
      upid: task.upid,
      signal: abort.signal,
      log: (line) => void task.log.push(line),
      warn(line) {
        warnings += 1;
        task.log.push(`WARN: ${line}`);
      },
      wait: (ms) => pause(clock, ms, abort.signal),
      get stopped() {
        return abort.signal.aborted;
      },
      get killed() {
        return entry.killed;
      },
    };
    const fault = faultOf(spec.type, spec.id);
    try {
      await pause(clock, fault?.kind === 'slow-task' ? fault.ms : 0, abort.signal);
      if (fault?.kind === 'dead-worker') return finish(NO_END);
      if (fault?.kind === 'task-error') throw new Error(fault.text);
      await spec.run(context);
      if (fault?.kind === 'task-warnings') warnings += fault.count;
      const exitStatus = warnings > 0 ? `WARNINGS: ${warnings}` : 'OK';
      task.log.push(warnings > 0 ? `TASK ${exitStatus}` : 'TASK OK');
      finish(fault?.kind === 'dead-at-end' ? NO_END : exitStatus);
    } catch (error) {
      // One that was killed, or that let the interrupt through, wrote no end.
      if (entry.killed || error === abort.signal.reason) return finish(NO_END);
      const text = (error instanceof Error ? error.message : String(error)).trimEnd();
      task.log.push(`TASK ERROR: ${text}`);
      finish(text.replaceAll('\n', ' '));
    }
  }

  return {
    start(spec) {
      const entry = begin(spec);
      void Promise.resolve().then(() => work(spec, entry));
      return entry.task.upid;
    },
    find: (upid) => all.get(upid),
    of: (node) => [...all.values()].filter((task) => task.node === node).toReversed(),
    end: (upid) => running.get(upid)?.ended ?? Promise.resolve(all.get(upid)?.exitStatus ?? NO_END),
    stop(upid) {
      running.get(upid)?.abort.abort(new Error('interrupted by signal'));
    },
    killAll(node) {
      for (const entry of running.values()) {
        if (entry.task.node !== node) continue;
        entry.killed = true;
        entry.abort.abort(new Error('the worker is gone'));
        entry.finish(NO_END);
      }
    },
    async settled() {
      while (running.size > 0) await Promise.all([...running.values()].map(({ ended }) => ended));
    },
  };
}

/** `user@realm` or `user@realm!token`. */
export function nameOf({ user, token }: Caller): string {
  return token === undefined ? user : `${user}!${token}`;
}

function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(signal.reason);
  if (ms <= 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      cancel();
      reject(signal.reason);
    };
    const cancel = clock.after(ms, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

function hex(value: number): string {
  return value.toString(16).toUpperCase().padStart(8, '0');
}
