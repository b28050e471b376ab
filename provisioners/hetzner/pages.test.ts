import { expect, test } from 'vitest';
import type { HetznerClient } from './client.ts';
import { listAll } from './pages.ts';
import { server } from './wire.ts';

interface Given {
  readonly servers: readonly unknown[];
  readonly next?: number | null;
  readonly total?: number | null;
}

async function list(...pages: readonly Given[]) {
  const asked: string[] = [];
  const client: Pick<HetznerClient, 'get'> = {
    async get({ query = [], answer }) {
      asked.push(query.map(([name, value]) => `${name}=${value}`).join('&'));
      const { servers, next = null, total = null } = pages[asked.length - 1] ?? { servers: [] };
      return answer.parse({ servers, meta: { pagination: { next_page: next, total_entries: total } } });
    },
  };
  const asking = { lane: 'look', signal: new AbortController().signal } as const;
  const page = await listAll(
    client,
    { path: '/servers', key: 'servers', entry: server, query: [['name', 'x']] },
    asking,
  );
  return { ids: page.entries.map(({ id }) => id), complete: page.complete, asked };
}

const one = (id: number, more: object = {}) => ({ id, name: `s${id}`, status: 'running', labels: {}, ...more });

test('all pages are read, as large as they can be', async () => {
  const { ids, complete, asked } = await list(
    { servers: [one(1)], next: 2, total: 2 },
    { servers: [one(2)], total: 2 },
  );
  expect([ids, complete]).toEqual([[1, 2], true]);
  expect(asked).toEqual(['name=x&page=1&per_page=50', 'name=x&page=2&per_page=50']);
});

test('a list is incomplete when something was deleted between two of its pages', async () => {
  // The third server moved onto the first page when it had been read already.
  const { ids, complete } = await list(
    { servers: [one(1), one(2)], next: 2, total: 4 },
    { servers: [one(4)], total: 3 },
  );
  expect([ids, complete]).toEqual([[1, 2, 4], false]);
});

test('an entry that cannot be read hides itself only, and makes the list incomplete', async () => {
  const { ids, complete } = await list({ servers: [one(1), { id: 'two' }, one(3, { labels: null })], total: 3 });
  expect([ids, complete]).toEqual([[1], false]);
});

test('an entry on two pages counts once', async () => {
  const { ids, complete } = await list({ servers: [one(1)], next: 2 }, { servers: [one(1), one(2)] });
  expect([ids, complete]).toEqual([[1, 2], true]);
});

test('fields that come, go or change are no trouble where they are not needed', async () => {
  const { ids, complete } = await list({
    servers: [one(1, { datacenter: null, public_net: null, status: 'dreaming', image: 7, iso: [], locked: null })],
  });
  expect([ids, complete]).toEqual([[1], true]);
});
