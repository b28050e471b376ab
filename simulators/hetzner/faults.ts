import type { ErrorCode } from './api.ts';

/**
 * What can be made to go wrong with one call.
 *
 * | fault | what happens |
 * |---|---|
 * | refuse | nobody listens: provably not processed (over HTTP: the same as drop-before) |
 * | drop-before | the connection breaks, nothing was processed |
 * | drop-after | processed, the answer is lost |
 * | truncate | processed, the answer breaks off in the middle |
 * | hang | processed, no answer ever |
 * | hang-before | taken, never processed, no answer ever |
 * | delay | `before`: the request is late; `after`: the answer is |
 * | garbage | processed, the answer is no JSON |
 * | html-502 | the web page of a gateway, with status 502; `processed` or not |
 * | error | refused with this code; `processed` all the same when told so |
 * | rate-limit | 429 although the budget is not used up |
 * | fail-action | taken; the action it starts (all, or only `command`) ends in an error, and what follows it too |
 * | slow | taken; its actions (all, or only `command`) take `ms` |
 * | forget-action | taken; the ids of its actions are unknown afterwards |
 * | stays-off | POST /servers: every action succeeds and the server is off |
 * | list-empty | lists: empty, and nothing says so |
 * | list-stale | lists: what the same list answered before |
 */
export type Fault =
  | { readonly kind: 'refuse' | 'drop-before' | 'drop-after' | 'truncate' | 'hang' | 'hang-before' | 'garbage' }
  | { readonly kind: 'delay'; readonly ms: number; readonly at?: 'before' | 'after' }
  | { readonly kind: 'html-502'; readonly processed?: true }
  | { readonly kind: 'error'; readonly code: ErrorCode; readonly message?: string; readonly processed?: true }
  | { readonly kind: 'rate-limit' | 'stays-off' | 'list-empty' | 'list-stale' }
  | { readonly kind: 'fail-action'; readonly command?: string; readonly code?: string; readonly message?: string }
  | { readonly kind: 'slow'; readonly command?: string; readonly ms: number }
  | { readonly kind: 'forget-action'; readonly command?: string };

/** What the call itself has to know of its fault. */
export type Fate = Fault | { readonly kind: 'none' };

export interface FaultRule {
  /** `any`, or method and path as documented: `POST /servers`, `POST /servers/{id}/actions/poweron`. */
  readonly call: string;
  /** Only calls whose path or body contains this text, such as an id or a name. */
  readonly match?: string;
  /** Lets this many matching calls pass first. */
  readonly skip?: number;
  /** Default 1. */
  readonly times?: number;
  readonly fault: Fault;
}

export interface Faults {
  /** Arms a fault; the returned function disarms what is left of it. Throws when there is no such call. */
  add(rule: FaultRule): () => void;
  clear(): void;
  /** How many armed faults have not been used up. */
  readonly pending: number;
}

export interface FaultBook extends Faults {
  /** Uses up and returns the fault for this call, if any. */
  take(call: string, request: { readonly path: string; readonly body?: string }): Fault | undefined;
}

export function createFaults(calls: ReadonlySet<string>): FaultBook {
  const armed = new Set<{ rule: FaultRule; skip: number; left: number }>();
  return {
    add(rule) {
      // A misspelt call would be a fault that never strikes, and a test that proves nothing.
      if (rule.call !== 'any' && !calls.has(rule.call)) throw new Error(`the simulator serves no call '${rule.call}'`);
      const entry = { rule, skip: rule.skip ?? 0, left: rule.times ?? 1 };
      armed.add(entry);
      return () => void armed.delete(entry);
    },
    clear: () => armed.clear(),
    get pending() {
      return armed.size;
    },
    take(call, { path, body = '' }) {
      for (const entry of armed) {
        const { match } = entry.rule;
        if (entry.rule.call !== 'any' && entry.rule.call !== call) continue;
        if (match !== undefined && !path.includes(match) && !body.includes(match)) continue;
        if (entry.skip-- > 0) continue;
        if (--entry.left <= 0) armed.delete(entry);
        return entry.rule.fault;
      }
      return undefined;
    },
  };
}
