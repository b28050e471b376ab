import type { Method } from './call.ts';

/**
 * What can be made to go wrong with one call.
 *
 * | fault | what happens |
 * |---|---|
 * | refuse | nobody listens: provably not processed (over HTTPS: the same as drop-before) |
 * | drop-before | the connection breaks, nothing was processed |
 * | drop-after | processed, the answer is lost |
 * | truncate | processed, the answer breaks off in the middle |
 * | hang | processed, no answer ever |
 * | hang-before | taken, never processed, no answer ever |
 * | delay | `before`: the request is late; `after`: the answer is |
 * | status | refused with this status and reason; not processed, or `processed` all the same |
 * | garbage | processed, the answer is no JSON |
 * | html | a proxy in front answers with a page, and this status; not processed |
 */
export type CallFault =
  | {
      readonly kind: 'refuse' | 'drop-before' | 'drop-after' | 'truncate' | 'hang' | 'hang-before' | 'garbage';
    }
  | { readonly kind: 'delay'; readonly ms: number; readonly at?: 'before' | 'after' }
  | { readonly kind: 'status'; readonly status: number; readonly reason: string; readonly processed?: true }
  | { readonly kind: 'html'; readonly status: number };

/**
 * What can be made to go wrong with one worker.
 *
 * | fault | what happens |
 * |---|---|
 * | slow-task | the worker sleeps for `ms` before it begins |
 * | dead-worker | it dies before it did anything: `unexpected status` |
 * | dead-at-end | it dies when all is done: `unexpected status`, and the work stands |
 * | task-error | it fails with this text before it did anything |
 * | task-warnings | done, and ends as `WARNINGS: n` |
 */
export type TaskFault =
  | { readonly kind: 'slow-task'; readonly ms: number }
  | { readonly kind: 'dead-worker' | 'dead-at-end' }
  | { readonly kind: 'task-error'; readonly text: string }
  | { readonly kind: 'task-warnings'; readonly count: number };

interface Often {
  /** Lets this many matching ones pass first. */
  readonly skip?: number;
  /** Default 1. */
  readonly times?: number;
}

export interface CallFaultRule extends Often {
  readonly method?: Method;
  /** Below `/api2/json`, without the query; `*` stands for one part: `/nodes/*\/qemu/*\/config`. Absent: every path. */
  readonly path?: string | RegExp;
  readonly fault: CallFault;
}

export interface TaskFaultRule extends Often {
  /** The worker's type: `qmclone`, `download`, … */
  readonly task: string;
  readonly id?: string;
  readonly fault: TaskFault;
}

export interface Faults {
  /** Arms a fault; the returned function disarms what is left of it. */
  add(rule: CallFaultRule | TaskFaultRule): () => void;
  clear(): void;
  /** How many armed faults have not been used up. */
  readonly pending: number;
  /** Uses up and returns the fault for this call, if any. */
  take(method: string, path: string): CallFault | undefined;
  takeForTask(type: string, id: string): TaskFault | undefined;
}

export function createFaults(): Faults {
  const calls = new Set<Armed<CallFaultRule>>();
  const tasks = new Set<Armed<TaskFaultRule>>();
  return {
    add(rule) {
      if ('task' in rule) return arm(tasks, rule);
      return arm(calls, rule);
    },
    clear() {
      calls.clear();
      tasks.clear();
    },
    get pending() {
      return calls.size + tasks.size;
    },
    take: (method, path) =>
      takeFirst(calls, (rule) => (rule.method ?? method) === method && matchesPath(rule.path, path))?.fault,
    takeForTask: (type, id) => takeFirst(tasks, (rule) => rule.task === type && (rule.id ?? id) === id)?.fault,
  };
}

interface Armed<Rule> {
  readonly rule: Rule;
  skip: number;
  left: number;
}

function arm<Rule extends Often>(set: Set<Armed<Rule>>, rule: Rule): () => void {
  const entry = { rule, skip: rule.skip ?? 0, left: rule.times ?? 1 };
  set.add(entry);
  return () => set.delete(entry);
}

function takeFirst<Rule extends Often>(set: Set<Armed<Rule>>, matches: (rule: Rule) => boolean): Rule | undefined {
  for (const entry of set) {
    if (!matches(entry.rule)) continue;
    if (entry.skip-- > 0) continue;
    if (--entry.left <= 0) set.delete(entry);
    return entry.rule;
  }
  return undefined;
}

function matchesPath(pattern: string | RegExp | undefined, path: string): boolean {
  if (pattern === undefined) return true;
  if (typeof pattern !== 'string') return pattern.test(path);
  const [wanted, parts] = [pattern.split('/'), path.split('/')];
  return wanted.length === parts.length && wanted.every((part, index) => part === '*' || part === parts[index]);
}
