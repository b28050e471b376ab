import type { WireFault } from '../cloud/faults.ts';

/**
 * What can be made to go wrong with one call, beside the exchange itself (`simulators/cloud/faults.ts`).
 *
 * | fault | what happens |
 * |---|---|
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
  | WireFault
  | { readonly kind: 'error'; readonly status: number; readonly message?: string; readonly processed?: true }
  | { readonly kind: 'late-tags' | 'slow'; readonly ms: number }
  | { readonly kind: 'accept' | 'rate-limit' | 'stays-pending' | 'stays-off' | 'list-empty' | 'list-stale' };

/** What the call itself has to know of its fault. */
export type Fate = Fault | { readonly kind: 'none' };
