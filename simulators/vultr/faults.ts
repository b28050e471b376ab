/**
 * What can be made to go wrong with one call.
 *
 * | fault | what happens |
 * |---|---|
 * | refuse | nobody listens: provably not processed (over HTTP: the same as drop-before) |
 * | drop-before | the connection breaks, nothing was processed |
 * | drop-after | processed, the answer is lost |
 * | truncate | processed, the answer breaks off in the middle |
 * | hang, hang-before | processed or not, no answer ever |
 * | garbage | processed, the answer is no JSON |
 * | delay | the request (`before`) or the answer (`after`) is late |
 * | html-502 | the page of a gateway; with `processed` the work was done |
 * | error | `{error, status}`; with `processed` the work was done |
 * | accept | 204, and nothing happens |
 * | rate-limit | 429 |
 * | late-tags | POST /instances: for `ms` it shows without tags, and no list that filters shows it |
 * | slow | POST /instances: takes so much longer to become active |
 * | stays-pending | POST /instances: never becomes active |
 * | stays-off | POST /instances: becomes active, and is off until it is started |
 * | list-empty | lists: empty, and nothing says so |
 * | list-stale | lists: what the same list answered before |
 */
export type Fault =
  | {
      readonly kind:
        | 'refuse'
        | 'drop-before'
        | 'drop-after'
        | 'truncate'
        | 'hang'
        | 'hang-before'
        | 'garbage'
        | 'accept';
    }
  | { readonly kind: 'delay'; readonly ms: number; readonly at?: 'before' | 'after' }
  | { readonly kind: 'html-502'; readonly processed?: true }
  | { readonly kind: 'error'; readonly status: number; readonly message?: string; readonly processed?: true }
  | { readonly kind: 'late-tags' | 'slow'; readonly ms: number }
  | { readonly kind: 'rate-limit' | 'stays-pending' | 'stays-off' | 'list-empty' | 'list-stale' };

/** What the call itself has to know of its fault. */
export type Fate = Fault | { readonly kind: 'none' };

export interface FaultRule {
  /** `any`, or method and path as documented: `POST /instances`, `DELETE /instances/{id}`. */
  readonly call: string;
  /** Only calls whose path or body contains this text, such as an id or a label. */
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
