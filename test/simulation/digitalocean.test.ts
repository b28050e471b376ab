import { expect, it } from 'vitest';
import { tell } from './story.ts';
import { play } from './tell.ts';

// A few stories; `npm run sim -- --backend digitalocean` tells as many as you like.
it.each([3, 59])('a story on a DigitalOcean account, seed %i, breaks no rule', async (seed) => {
  expect((await play(tell(seed), { backend: 'digitalocean' })).violations).toEqual([]);
});
