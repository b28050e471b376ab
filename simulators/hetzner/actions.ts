import type { Cancel, Clock } from '../../src/ports/clock.ts';
import type { Fate } from './faults.ts';
import type { Action, Resource } from './state.ts';

/** One piece of work that takes time. */
export interface Plan {
  readonly command: string;
  readonly resources: readonly Resource[];
  readonly ms: number;
  /** Ends in `action_failed`, as work does that the guest would have to do and cannot. */
  readonly fails?: true;
  /** When its turn comes. */
  begin?(): void;
  /** When it succeeded. */
  done?(): void;
  /** When it failed, or when one before it did. */
  failed?(): void;
}

export interface Actions {
  /** Starts a chain: each piece begins when the one before has succeeded, and all show as running from the start. */
  start(plans: readonly Plan[], fate: Fate): readonly Action[];
  find(id: number): Action | undefined;
  all(): readonly Action[];
  /** True while an action that is not over names this resource. */
  busy(type: Resource['type'], id: number): boolean;
  /** Ends every action about a resource that has gone, without the effects it would have had. */
  abandon(type: Resource['type'], id: number): void;
  close(): void;
}

/** Errors of actions are this coarse. */
const FAILED = { code: 'action_failed', message: 'Action failed' };

/** The provider's work, under the clock that is handed in. `fate` decides what goes wrong with it. */
export function createActions(clock: Clock): Actions {
  const actions = new Map<number, Action>();
  const running = new Map<number, { readonly action: Action; cancel: Cancel }>();
  let lastId = 530_000_000;

  function run(queue: readonly (readonly [Plan, Action])[], fate: Fate): void {
    const [head, ...rest] = queue;
    if (!head) return;
    const [plan, action] = head;
    if (!running.has(action.id)) return;
    action.begunAt = clock.now();
    plan.begin?.();
    const end = (): void => {
      running.delete(action.id);
      const failure = plan.fails ? FAILED : failureOf(fate, action.command);
      if (!failure) {
        finish(action, null);
        plan.done?.();
        return run(rest, fate);
      }
      finish(action, failure);
      plan.failed?.();
      for (const [later, waiting] of rest) {
        if (!running.delete(waiting.id)) continue;
        finish(waiting, FAILED);
        later.failed?.();
      }
    };
    if (action.ms > 0) running.set(action.id, { action, cancel: clock.after(action.ms, end) });
    else end();
  }

  function finish(action: Action, error: Action['error']): void {
    action.status = error ? 'error' : 'success';
    action.finished = clock.now();
    action.error = error;
  }

  return {
    start(plans, fate) {
      const queue = plans.map((plan): readonly [Plan, Action] => {
        const action: Action = {
          id: ++lastId,
          command: plan.command,
          status: 'running',
          started: clock.now(),
          finished: undefined,
          ms: fate.kind === 'slow' && hits(fate, plan.command) ? fate.ms : plan.ms,
          begunAt: undefined,
          resources: plan.resources,
          error: null,
          forgotten: fate.kind === 'forget-action' && hits(fate, plan.command),
        };
        actions.set(action.id, action);
        running.set(action.id, { action, cancel: () => {} });
        return [plan, action];
      });
      run(queue, fate);
      return queue.map(([, action]) => action);
    },
    find(id) {
      const action = actions.get(id);
      return action?.forgotten ? undefined : action;
    },
    all: () => [...actions.values()].filter(({ forgotten }) => !forgotten),
    busy(type, id) {
      for (const { action } of running.values()) if (isAbout(action, type, id)) return true;
      return false;
    },
    abandon(type, id) {
      for (const [key, { action, cancel }] of running) {
        if (!isAbout(action, type, id)) continue;
        cancel();
        running.delete(key);
        finish(action, FAILED);
      }
    },
    close() {
      for (const { cancel } of running.values()) cancel();
      running.clear();
    },
  };
}

/** 0 while it waits for its turn; 100 when it is over, failed or not. */
export function progressOf(action: Action, now: number): number {
  if (action.status !== 'running') return 100;
  if (action.begunAt === undefined || action.ms === 0) return 0;
  return Math.min(99, Math.floor(((now - action.begunAt) / action.ms) * 100));
}

function failureOf(fate: Fate, command: string): Action['error'] {
  if (fate.kind !== 'fail-action' || !hits(fate, command)) return null;
  return { code: fate.code ?? FAILED.code, message: fate.message ?? FAILED.message };
}

function hits(fate: { readonly command?: string }, command: string): boolean {
  return fate.command === undefined || fate.command === command;
}

function isAbout(action: Action, type: Resource['type'], id: number): boolean {
  return action.resources.some((resource) => resource.type === type && resource.id === id);
}
