import type { WireFault } from '../cloud/faults.ts';
import type { ErrorCode } from './api.ts';

/**
 * What can be made to go wrong with one call, beside the exchange itself (`simulators/cloud/faults.ts`).
 *
 * | fault | what happens |
 * |---|---|
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
  | WireFault
  | { readonly kind: 'error'; readonly code: ErrorCode; readonly message?: string; readonly processed?: true }
  | { readonly kind: 'rate-limit' | 'stays-off' | 'list-empty' | 'list-stale' }
  | { readonly kind: 'fail-action'; readonly command?: string; readonly code?: string; readonly message?: string }
  | { readonly kind: 'slow'; readonly command?: string; readonly ms: number }
  | { readonly kind: 'forget-action'; readonly command?: string };

/** What the call itself has to know of its fault. */
export type Fate = Fault | { readonly kind: 'none' };
