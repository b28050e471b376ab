import { expect, test } from 'vitest';
import { z } from 'zod';
import type { VultrClient } from './client.ts';
import { listAll, type Wanted } from './pages.ts';

interface Given {
  readonly things: readonly unknown[];
  readonly next?: string | null;
  readonly total?: number | null;
}

async function list(query: Wanted, ...pages: readonly Given[]) {
  const asked: string[] = [];
  const client: Pick<VultrClient, 'get'> = {
    async get({ query: given = [], answer }) {
      asked.push(given.map(([name, value]) => `${name}=${value}`).join('&'));
      const { things, next = '', total = null } = pages[Math.min(asked.length, pages.length) - 1] ?? { things: [] };
      return answer.parse({ things, meta: { total, links: { next, prev: '' } } });
    },
  };
  const asking = { lane: 'look', signal: new AbortController().signal } as const;
  const collection = { path: '/things', key: 'things', entry: z.object({ id: z.string() }), query };
  const page = await listAll(client, collection, asking);
  return { ids: page.entries.map(({ id }) => id), complete: page.complete, asked };
}

const TAG: Wanted = [['tag', 'x']];

test('pages are followed by their cursor', async () => {
  const { ids, complete, asked } = await list(
    TAG,
    { things: [{ id: 'a' }], next: 'bmV4dA==', total: 2 },
    { things: [{ id: 'b' }], total: 2 },
  );
  expect([ids, complete]).toEqual([['a', 'b'], true]);
  expect(asked).toEqual(['tag=x&per_page=500', 'tag=x&per_page=500&cursor=bmV4dA==']);
});

test('an entry that cannot be read hides itself only, and is known to be missing', async () => {
  expect(await list(TAG, { things: [{ id: 'a' }, { id: 7 }, null] })).toMatchObject({ ids: ['a'], complete: false });
});

test('a list without any meta is one page', async () => {
  expect(await list([], { things: [{ id: 'a' }], next: null })).toMatchObject({ ids: ['a'], complete: true });
});

test.each([
  ['that changes between two pages', TAG, 2, 3],
  ['that is lower than what was read', TAG, 1, 1],
  ['of everything that was not reached', [], 3, 3],
] as const)('a count %s makes the list incomplete', async (_, query, one, other) => {
  const { complete } = await list(
    query,
    { things: [{ id: 'a' }], next: 'n', total: one },
    { things: [{ id: 'b' }], total: other },
  );
  expect(complete).toBe(false);
});

test('a count of more than a filter lets through proves nothing', async () => {
  expect(await list(TAG, { things: [{ id: 'a' }], total: 90 })).toMatchObject({ complete: true });
});

test('a cursor that leads back to itself ends the list, and leaves it incomplete', async () => {
  const { complete, asked } = await list(TAG, { things: [{ id: 'a' }], next: 'n' });
  expect([complete, asked.length]).toEqual([false, 2]);
});
