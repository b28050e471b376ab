import type { WireFault } from '../cloud/faults.ts';
import type { ErrorId } from './api.ts';

/**
 * What can be made to go wrong with one call, beside the exchange itself (`simulators/cloud/faults.ts`).
 *
 * | fault | what happens |
 * |---|---|
 * | error | refused with this identifier and text; `processed` all the same when told so |
 * | rate-limit | 429 although nothing is used up; `retryAfterS` as in a burst's refusal |
 * | fail-action | taken; the action it starts ends `errored`, and changes nothing |
 * | slow | taken; its action takes `ms` |
 * | forget-action | taken; the id of its action is unknown afterwards |
 * | stays-off | POST /droplets: the action succeeds and the droplet is off |
 * | no-tags | POST /droplets: its tags are never applied |
 * | list-empty | lists: empty, and nothing says so |
 * | list-stale | lists: what the same list answered before |
 */
export type Fault =
  | WireFault
  | { readonly kind: 'error'; readonly id: ErrorId; readonly message?: string; readonly processed?: true }
  | { readonly kind: 'rate-limit'; readonly retryAfterS?: number }
  | { readonly kind: 'fail-action' | 'forget-action' | 'stays-off' | 'no-tags' | 'list-empty' | 'list-stale' }
  | { readonly kind: 'slow'; readonly ms: number };

/** What the call itself has to know of its fault. */
export type Fate = Fault | { readonly kind: 'none' };
