import { afterClaim, type ContractEvent, type ContractRecord } from '../lifecycle/index.ts';
import type { LockAnswer } from '../platform/api.ts';
import type { Cancel } from '../ports/clock.ts';
import type { ContractId } from '../ports/ids.ts';
import type { Log } from '../ports/log.ts';
import type { AgentDeps } from './deps.ts';

/** The platform's lock lasts this long from the moment it was asked for. */
const LOCK_TTL_MS = 300_000;
const RETRY_MS = 5_000;

export interface LockKeeperOptions {
  readonly contract: ContractId;
  readonly deps: AgentDeps;
  readonly log: Log;
  readonly record: () => ContractRecord;
  /** The platform said that the lock is not ours any more, and what that means. */
  readonly onEvents: (events: readonly ContractEvent[]) => void;
  /** No answer came before the lock ran out: another agent may take it from now on. */
  readonly onLapsed: () => void;
}

/**
 * Knows how long the lock is still ours, and renews it while a long step runs. Counted by the monotonic clock from the moment the
 * call was begun, so it never believes in more time than the platform gave.
 */
export class LockKeeper {
  readonly #options: LockKeeperOptions;
  readonly #abort = new AbortController();
  #until: number | undefined;
  /** When the call was begun whose answer was the last to count. */
  #learntAt = -Infinity;
  #watching = false;
  /** A renewal is on its way. Steps come and go meanwhile, and each of them watches anew. */
  #renewing = false;
  #timer: Cancel | undefined;

  constructor(options: LockKeeperOptions) {
    this.#options = options;
  }

  /** ms until the lock may be somebody else's; undefined when it is not held. */
  get leftMs(): number | undefined {
    if (this.#until === undefined) return undefined;
    const left = this.#until - this.#options.deps.clock.monotonic();
    return left > 0 ? left : undefined;
  }

  /** Takes note of an answer to a lock call that was begun at `askedAt` (monotonic). */
  learnt(answer: LockAnswer, askedAt: number): void {
    this.#learntAt = askedAt;
    this.#until = answer.state === 'held' ? askedAt + LOCK_TTL_MS : undefined;
  }

  /** While on, the lock is renewed in time. */
  watch(on: boolean): void {
    this.#watching = on;
    this.#timer?.();
    this.#timer = undefined;
    if (on) this.#schedule();
  }

  stop(): void {
    this.watch(false);
    this.#abort.abort(new Error('the contract is no longer worked on'));
  }

  #schedule(): void {
    const left = this.leftMs;
    if (!this.#watching || left === undefined) return;
    const { policy } = this.#options.deps.settings;
    this.#renewIn(Math.max(0, left - policy.renewLockBelowMs));
  }

  /** One timer at a time: two of them would go on side by side for as long as the contract is worked on. */
  #renewIn(ms: number): void {
    this.#timer?.();
    this.#timer = this.#options.deps.clock.after(ms, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    if (this.#renewing) return;
    const { deps, contract, log, record, onEvents } = this.#options;
    const askedAt = deps.clock.monotonic();
    this.#renewing = true;
    try {
      const answer = await deps.platform.acquireLock(contract, this.#abort.signal);
      this.#renewing = false;
      if (!this.#watching) return;
      // Claimed anew while this was on its way: what that said is newer.
      if (askedAt < this.#learntAt) return this.#schedule();
      this.learnt(answer, askedAt);
      if (answer.state === 'held') return this.#schedule();
      log.warn({ answer: answer.state }, 'the lock is not ours any more');
      onEvents(afterClaim(record(), answer));
    } catch (error) {
      this.#renewing = false;
      if (!this.#watching || this.#abort.signal.aborted) return;
      log.warn({ error }, 'the lock could not be renewed, it is tried again');
      this.#retryOrLapse();
    }
  }

  #retryOrLapse(): void {
    const { deps, onLapsed } = this.#options;
    const left = this.leftMs;
    if (left !== undefined && left > deps.settings.policy.lockMarginMs) {
      this.#renewIn(RETRY_MS);
      return;
    }
    this.#until = undefined;
    onLapsed();
  }
}
