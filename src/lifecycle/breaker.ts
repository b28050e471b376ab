import type { ContractId } from '../ports/ids.ts';
import type { BreakerPolicy } from './policy.ts';

/** A handed-over machine that the platform wants stopped or removed. Times in ms. */
export interface Doomed {
  readonly contract: ContractId;
  /** For how long the platform has been saying so without a break, by a clock that does not jump. */
  readonly seenForMs: number;
  /** Our own ledger agrees: its paid time is over. */
  readonly corroborated: boolean;
  readonly approved: boolean;
}

export interface Verdict {
  readonly allowed: readonly ContractId[];
  readonly held: readonly ContractId[];
}

/**
 * The mass-action breaker. A few ends at once are ordinary; many at once are more likely a sick platform, a restored backup or
 * a wrong key, and a machine once removed does not come back. Beyond the limit everything that only the platform's word supports
 * is held until the platform has kept saying so for `holdMs`, or an operator has approved.
 *
 * `owned` counts handed-over machines, `recent` those that were acted upon within the window on the platform's word alone.
 */
export function judge(doomed: readonly Doomed[], owned: number, recent: number, policy: BreakerPolicy): Verdict {
  const limit = limitFor(owned, policy);
  const needsTrust = doomed.filter((one) => !one.corroborated && !one.approved);
  const tripped = recent + needsTrust.length > limit;
  const held = tripped ? needsTrust.filter((one) => one.seenForMs < policy.holdMs).map((one) => one.contract) : [];
  const heldSet = new Set(held);
  return { allowed: doomed.map((one) => one.contract).filter((contract) => !heldSet.has(contract)), held };
}

/** What concerns one target: its doomed machines, how many it has, and how many were acted upon within the window. */
export interface Share {
  readonly doomed: readonly Doomed[];
  readonly owned: number;
  readonly recent: number;
}

/**
 * Every target has a breaker of its own, so that an end of many machines on one holds nobody up on another; and one over all of them
 * looks at what those let through, since a sick platform may doom a few on each.
 */
export function judgeShares(shares: readonly Share[], policy: BreakerPolicy): Verdict {
  const own = shares.map((share) => ({ share, verdict: judge(share.doomed, share.owned, share.recent, policy) }));
  const passed = own.flatMap(({ share, verdict }) => {
    const allowed = new Set(verdict.allowed);
    return share.doomed.filter((one) => allowed.has(one.contract));
  });
  const owned = sum(shares.map((share) => share.owned));
  // What an operator let go on one target beyond its own limit is no sign that the platform is sick.
  const recent = sum(shares.map((share) => Math.min(share.recent, limitFor(share.owned, policy))));
  const { allowed, held } = judge(passed, owned, recent, policy);
  return { allowed, held: [...own.flatMap(({ verdict }) => verdict.held), ...held] };
}

function limitFor(owned: number, policy: BreakerPolicy): number {
  return Math.max(policy.maxCount, Math.floor(policy.maxShare * owned));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
