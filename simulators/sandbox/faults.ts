import type { CallName, MachineState } from './api.ts';

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
 * | status | refused with this status; not processed, or `processed` all the same |
 * | garbage | processed, the answer is no JSON |
 * | no-capacity | create: the host is full |
 * | slow-create | create: takes `ms` |
 * | half-create | create: fails half-way and leaves a broken machine behind |
 * | list-partial | list: half of the machines, and says so (`complete: false`) |
 * | list-empty | list: empty, and claims to be complete |
 * | list-stale | list: what the list before answered |
 * | flap | get, list: the machines are shown in this state, whatever they do |
 * | ignore | configure, start, stop, delete: accepted, and nothing happens |
 */
export type Fault =
  | { readonly kind: 'refuse' | 'drop-before' | 'drop-after' | 'truncate' | 'hang' | 'hang-before' | 'garbage' }
  | { readonly kind: 'delay'; readonly ms: number; readonly at?: 'before' | 'after' }
  | {
      readonly kind: 'status';
      readonly status: 500 | 503 | 429;
      readonly retryAfterSeconds?: number;
      readonly processed?: true;
    }
  | { readonly kind: 'no-capacity' | 'half-create' | 'list-partial' | 'list-empty' | 'list-stale' | 'ignore' }
  | { readonly kind: 'flap'; readonly state: MachineState }
  | { readonly kind: 'slow-create'; readonly ms: number };

export interface FaultRule {
  readonly call: CallName | 'any';
  /** Only calls about this machine. */
  readonly machine?: string;
  /** Lets this many matching calls pass first. */
  readonly skip?: number;
  /** Default 1. */
  readonly times?: number;
  readonly fault: Fault;
}

export interface Faults {
  /** Arms a fault; the returned function disarms what is left of it. */
  add(rule: FaultRule): () => void;
  clear(): void;
  /** How many armed faults have not been used up. */
  readonly pending: number;
  /** Uses up and returns the fault for this call, if any. */
  take(call: CallName, machine: string | undefined): Fault | undefined;
}

export function createFaults(): Faults {
  const armed = new Set<{ rule: FaultRule; skip: number; left: number }>();
  return {
    add(rule) {
      const entry = { rule, skip: rule.skip ?? 0, left: rule.times ?? 1 };
      armed.add(entry);
      return () => armed.delete(entry);
    },
    clear: () => armed.clear(),
    get pending() {
      return armed.size;
    },
    take(call, machine) {
      for (const entry of armed) {
        if (entry.rule.call !== 'any' && entry.rule.call !== call) continue;
        if (entry.rule.machine !== undefined && entry.rule.machine !== machine) continue;
        if (entry.skip-- > 0) continue;
        if (--entry.left <= 0) armed.delete(entry);
        return entry.rule.fault;
      }
      return undefined;
    },
  };
}
