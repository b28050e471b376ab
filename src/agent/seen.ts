import type { SeenPower, Surplus } from './target.ts';

const NO_SURPLUS: Surplus = { twins: [], earlier: [] };

/** What the latest list showed of one contract's machine. Forgotten with each step that changes the machine. */
export class Seen {
  #power: SeenPower | undefined;
  #surplus = NO_SURPLUS;
  #changedAt = -Infinity;

  get power(): SeenPower | undefined {
    return this.#power;
  }

  get surplus(): Surplus {
    return this.#surplus;
  }

  /** Whether there are machines beside the one that the contract is to have. */
  get hasSurplus(): boolean {
    return count(this.#surplus) > 0;
  }

  /** Whether a list that was begun then (monotonic ms) can know of our last step. */
  isCurrent(begunAt: number): boolean {
    return begunAt >= this.#changedAt;
  }

  /** False when nothing is new. */
  take(power: SeenPower, surplus: Surplus): boolean {
    const same = power === this.#power && count(surplus) === count(this.#surplus);
    this.#power = power;
    this.#surplus = surplus;
    return !same;
  }

  /** A step that changes the machine has ended at `now` (monotonic ms): what was seen before says nothing any more. */
  forget(now: number): void {
    this.#changedAt = now;
    this.#power = undefined;
    this.#surplus = NO_SURPLUS;
  }
}

function count({ twins, earlier }: Surplus): number {
  return twins.length + earlier.length;
}
