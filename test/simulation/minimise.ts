import type { BackendName } from './backends.ts';
import type { Scene, Story } from './story.ts';
import { type Outcome, play } from './tell.ts';

/** The shortest story found that still breaks the same rule: scenes are left out for as long as it does. */
export async function minimise(
  story: Story,
  rule: string,
  backend: BackendName,
  limit = 400,
): Promise<{ story: Story; outcome: Outcome }> {
  let plays = 0;
  let best = story;
  let outcome = await play(best, { backend });
  let size = Math.ceil(best.scenes.length / 2);
  while (size >= 1 && plays < limit) {
    let cut = false;
    for (let start = 0; start < best.scenes.length && plays < limit; start += size) {
      const shorter = without(best, start, size);
      plays++;
      const found = await play(shorter, { backend });
      if (!found.violations.some((violation) => violation.rule === rule)) continue;
      best = shorter;
      outcome = found;
      cut = true;
      start -= size;
    }
    if (!cut) size = size === 1 ? 0 : Math.ceil(size / 2);
  }
  return { story: best, outcome };
}

function without(story: Story, start: number, count: number): Story {
  const scenes: Scene[] = story.scenes.filter((_, index) => index < start || index >= start + count);
  return { ...story, scenes };
}
