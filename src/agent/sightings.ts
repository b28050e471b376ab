import { type ContractRecord, type Doomed, judgeShares, type Policy } from '../lifecycle/index.ts';
import type { Reconciliation } from '../platform/api.ts';
import type { ContractId, TargetName } from '../ports/ids.ts';

export interface Doom {
  readonly goal: 'remove' | 'stop';
  readonly reason: string;
  /** Monotonic ms of the first of the sightings in a row. */
  readonly since: number;
}

/** What became of the machines that the platform wants stopped or removed. */
export interface DoomVerdict {
  readonly act: readonly { readonly contract: ContractId; readonly doom: Doom; readonly approved: boolean }[];
  readonly held: readonly ContractId[];
}

/**
 * Remembers, between cycles, what the platform wants ended and for how long it has been saying so. Kept in memory on purpose: after
 * a restart everything counts as seen for the first time, which can only make the breaker more careful.
 */
export class Sightings {
  #dooms = new Map<ContractId, Doom>();
  #unknown = new Map<ContractId, number>();
  #approved = new Set<ContractId>();
  #held: readonly ContractId[] = [];
  #takenAt = -Infinity;

  get held(): readonly ContractId[] {
    return this.#held;
  }

  /** Contracts that the platform does not know, and since when (monotonic ms). */
  get unknown(): ReadonlyMap<ContractId, number> {
    return this.#unknown;
  }

  /** An operator looked at what is held and says that it is right. */
  approve(contracts: readonly string[]): readonly ContractId[] {
    const chosen = contracts.length === 0 ? this.#held : this.#held.filter((contract) => contracts.includes(contract));
    for (const contract of chosen) this.#approved.add(contract);
    return chosen;
  }

  /** Takes in one answer of the platform about `asked`. */
  take(answer: Reconciliation, unknown: readonly ContractId[], now: number): void {
    const dooms = new Map<ContractId, Doom>();
    const add = (contract: ContractId, goal: Doom['goal'], reason: string): void => {
      const before = this.#dooms.get(contract);
      dooms.set(contract, { goal, reason, since: before?.goal === goal ? before.since : now });
    };
    for (const one of answer.pause) add(one.contract, 'stop', one.reason);
    for (const one of answer.terminate) add(one.contract, 'remove', one.reason);
    this.#dooms = dooms;
    this.#takenAt = now;
    this.#unknown = new Map(unknown.map((contract) => [contract, this.#unknown.get(contract) ?? now]));
    for (const contract of this.#approved) if (!dooms.has(contract)) this.#approved.delete(contract);
  }

  /** What the latest answer wants of a contract; undefined also when that answer is from before `notBefore` (monotonic ms). */
  wordOn(contract: ContractId, notBefore: number): Doom['goal'] | undefined {
    return this.#takenAt < notBefore ? undefined : this.#dooms.get(contract)?.goal;
  }

  /** What may be done now. `now` is monotonic ms, `wall` the wall clock's, undefined while that cannot be believed. */
  judge(
    records: ReadonlyMap<ContractId, ContractRecord>,
    policy: Policy,
    now: number,
    wall: number | undefined,
  ): DoomVerdict {
    // Without a clock every end counts as recent, which can only make the breaker more careful.
    const since = wall === undefined ? -Infinity : wall - policy.breaker.windowMs;
    const shares = new Map<TargetName, { doomed: Doomed[]; owned: number; recent: number }>();
    const dooms = new Map<ContractId, { readonly doom: Doom; readonly approved: boolean }>();
    for (const record of records.values()) {
      if (!record.delivered) continue;
      const share = shares.get(record.target) ?? { doomed: [], owned: 0, recent: 0 };
      shares.set(record.target, share);
      if (isRecentEnd(record, since)) share.recent++;
      if (record.closedAt !== undefined) continue;
      share.owned++;
      const doom = this.#dooms.get(record.contract);
      if (doom === undefined || !isNews(record, doom)) continue;
      const approved = this.#approved.has(record.contract);
      dooms.set(record.contract, { doom, approved });
      share.doomed.push({
        contract: record.contract,
        seenForMs: now - doom.since,
        corroborated:
          doom.reason === 'expired' && record.endsAt !== undefined && wall !== undefined && record.endsAt <= wall,
        approved,
      });
    }
    const verdict = judgeShares([...shares.values()], policy.breaker);
    this.#held = verdict.held;
    const act = verdict.allowed.flatMap((contract) => {
      const one = dooms.get(contract);
      return one === undefined ? [] : [{ contract, ...one }];
    });
    return { act, held: verdict.held };
  }
}

function isNews(record: ContractRecord, doom: Doom): boolean {
  // Paused is alive: an earlier verdict was taken back.
  if (record.goal === 'remove') return doom.goal === 'stop' && canBeKept(record);
  return doom.goal === 'remove' || record.goal !== 'stop';
}

/** Only the platform's word had doomed it, and nothing was done about it yet. */
export function canBeKept(record: ContractRecord): boolean {
  const platformsWord = record.reason === 'cancelled' || record.reason === 'expired';
  return (
    record.goal === 'remove' &&
    platformsWord &&
    record.delivered &&
    record.machine === 'made' &&
    record.running?.step !== 'destroy'
  );
}

/** Ended on the platform's word alone, not long ago. */
function isRecentEnd(record: ContractRecord, since: number): boolean {
  if (record.goalSince < since) return false;
  const atItsTime = record.reason === 'expired' && record.endsAt !== undefined && record.endsAt <= record.goalSince;
  return record.goal === 'stop' || (record.goal === 'remove' && !atItsTime);
}
