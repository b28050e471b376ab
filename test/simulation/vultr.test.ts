import { expect, it } from 'vitest';
import { tell } from './story.ts';
import { play } from './tell.ts';

// A few stories; `npm run sim -- --backend vultr` tells as many as you like.
it.each([1, 3])('on a Vultr account, story %i breaks no rule', async (seed) => {
  expect((await play(tell(seed), { backend: 'vultr' })).violations).toEqual([]);
});
