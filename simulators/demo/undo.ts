import { reasonOf } from './failure.ts';

/** What was begun and has to be taken back, whatever happens in between. */
export class Undo {
  readonly #steps: { readonly what: string; readonly step: () => Promise<unknown> }[] = [];

  /** `what` completes the sentence "could not …". Register before or right after the thing exists. */
  add(what: string, step: () => Promise<unknown>): void {
    this.#steps.push({ what, step });
  }

  /** Takes everything back, the latest first. A step that fails does not keep the others from it; returns what failed. */
  async all(): Promise<string[]> {
    const problems: string[] = [];
    for (let last = this.#steps.pop(); last !== undefined; last = this.#steps.pop()) {
      try {
        await last.step();
      } catch (error) {
        problems.push(`could not ${last.what}: ${reasonOf(error)}`);
      }
    }
    return problems;
  }
}
