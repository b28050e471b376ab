import { describe, expect, it } from 'vitest';
import { tell } from './story.ts';
import { play } from './tell.ts';

// A few stories on every Node that is supported; `npm run sim` tells as many as you like.
describe('stories of the whole agent', () => {
  it.each(Array.from({ length: 20 }, (_, index) => index + 1))('seed %i breaks no rule', async (seed) => {
    const { violations } = await play(tell(seed));
    expect(violations).toEqual([]);
  });

  it('are the same every time', async () => {
    const lines = async (): Promise<string[]> => {
      const said: string[] = [];
      await play(tell(7), {
        onWorld: (world) =>
          world.platform.onExchange(({ at, request, outcome }) =>
            said.push(
              `${at} ${request.method} ${request.path} ${request.body} ${outcome.transport} ${outcome.response.body}`,
            ),
          ),
      });
      return said;
    };
    const first = await lines();
    expect(first.length).toBeGreaterThan(20);
    expect(await lines()).toEqual(first);
  });
});
