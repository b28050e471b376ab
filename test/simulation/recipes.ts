import { SeededRandom } from './seeded-random.ts';

/** What a recipe of a story does. The sandbox's machines read it out of the script's own text. */
export interface StoryRecipe {
  readonly name: string;
  readonly script: string;
  readonly settings: Readonly<Record<string, unknown>>;
  /** It can only fail, so its contract may. */
  readonly hopeless?: true;
  /** Another machine answers at its address. */
  readonly forged?: true;
}

function recipe(name: string, words: string, more: Partial<StoryRecipe> = {}): StoryRecipe {
  return { name, script: `#!/bin/sh\n# sandbox: ${words}\n`, settings: {}, ...more };
}

const HOPELESS = { hopeless: true } as const;

export const RECIPES: readonly StoryRecipe[] = [
  recipe('good', 'seconds=3'),
  recipe('slow', 'seconds=120'),
  recipe('floods', 'seconds=2 output=1000000'),
  recipe('fails and is handed over', 'exit=3', { settings: { recipe_on_failure: 'deliver' } }),
  recipe('fails', 'exit=3', HOPELESS),
  recipe('hangs', 'seconds=90000', { ...HOPELESS, settings: { recipe_timeout_seconds: 60 } }),
  recipe('hangs and is handed over', 'seconds=90000', {
    settings: { recipe_timeout_seconds: 60, recipe_on_failure: 'deliver' },
  }),
  recipe('reboots', 'seconds=5 reboots', HOPELESS),
  recipe('kills sshd', 'seconds=2 kills-sshd', HOPELESS),
  recipe('fills the disk', 'seconds=4 fills-disk', HOPELESS),
  recipe('forged', 'seconds=1', { ...HOPELESS, forged: true }),
];

/**
 * The recipe of a story's contract: drawn from a chance of its own, so that the rest of the story is what it was without. On the plain
 * sandbox every third story has some; `always` is for a backend that is there for their sake.
 */
export function recipeFor(seed: number, contract: number, always: boolean): StoryRecipe | undefined {
  if (!always && seed % 3 !== 0) return undefined;
  const random = new SeededRandom(seed * 31 + contract + 0x7ec1);
  return random.chance(0.6) ? random.pick(RECIPES) : undefined;
}

/** What cloud-init does in a machine, from its first login on. */
export interface FirstBoot {
  readonly ms: number;
  readonly ends: 'done' | 'failed';
}

const FIRST_BOOTS: readonly (FirstBoot | undefined)[] = [
  ...Array.from({ length: 9 }, () => undefined),
  { ms: 0, ends: 'done' },
  { ms: 3_000, ends: 'done' },
  { ms: 45_000, ends: 'done' },
  { ms: 0, ends: 'failed' },
  { ms: 8_000, ends: 'failed' },
  // Longer than anybody waits.
  { ms: 3_600_000, ends: 'done' },
];

/** Follows from the machine's name alone, so that the rest of a story is what it was without. */
export function firstBootOf(name: string): FirstBoot | undefined {
  let hash = 0x811c9dc5;
  for (const letter of name) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193) >>> 0;
  return FIRST_BOOTS[hash % FIRST_BOOTS.length];
}
