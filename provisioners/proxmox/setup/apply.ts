import type { Journal } from './made.ts';
import type { Step, Work } from './work.ts';

/** Does one step after the other, and notes what each makes before it begins. The first error ends it; what was noted may exist. */
export async function applySteps(
  steps: readonly Step[],
  work: Work,
  journal: Journal,
  onStep: (step: Step, number: number) => void,
): Promise<void> {
  for (const [index, step] of steps.entries()) {
    work.signal.throwIfAborted();
    onStep(step, index + 1);
    if (step.makes !== undefined) await journal.add(step.makes);
    await step.apply(work);
    if (step.removes !== undefined) await journal.drop(step.removes);
  }
}
