import type { Clock } from '../../ports/clock.ts';

/** Remembers what was refused a moment ago: being sold out is normal weather, and asking again at once costs requests. */
export interface Stock<Placement> {
  /** Those that are worth asking for, in the same order. */
  worthAsking(placements: readonly Placement[]): readonly Placement[];
  soldOut(placement: Placement): void;
  made(placement: Placement): void;
  /** The account's own limit was reached: no order can be met for a while. */
  accountFull(): void;
  /** ms until the account is asked again; 0 when nothing is known against it. */
  readonly fullForMs: number;
}

const FIRST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 900_000;
const ACCOUNT_PAUSE_MS = 600_000;

/** `keyOf` tells placements apart that may be sold out one without the other; `accountPauseMs` is how long a full account rests. */
export function createStock<Placement>(
  clock: Clock,
  keyOf: (placement: Placement) => string,
  accountPauseMs = ACCOUNT_PAUSE_MS,
): Stock<Placement> {
  const refusals = new Map<string, { readonly times: number; readonly until: number }>();
  let fullUntil = -Infinity;
  return {
    worthAsking: (placements) =>
      placements.filter((placement) => (refusals.get(keyOf(placement))?.until ?? -Infinity) <= clock.monotonic()),
    soldOut(placement) {
      const times = (refusals.get(keyOf(placement))?.times ?? 0) + 1;
      const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(times - 1, 10));
      refusals.set(keyOf(placement), { times, until: clock.monotonic() + pause });
    },
    made(placement) {
      refusals.delete(keyOf(placement));
      fullUntil = -Infinity;
    },
    accountFull() {
      fullUntil = clock.monotonic() + accountPauseMs;
    },
    get fullForMs() {
      return Math.max(0, fullUntil - clock.monotonic());
    },
  };
}
