import { expect, test } from 'vitest';
import { z } from 'zod';
import { createVirtualClock } from '../../src/platform/virtual-clock.ts';
import type { ApiResponse } from '../../src/provisioner/cloud/transport.ts';
import { type Opened, openTarget, played, refusalOf } from './fixtures.ts';
import { listAll } from './pages.ts';

const asking = { lane: 'look', signal: new AbortController().signal } as const;
const list = {
  path: '/droplets',
  key: 'droplets',
  entry: z.object({ id: z.number() }),
  idOf: (each: { id: number }) => each.id,
};

function open() {
  const clock = createVirtualClock();
  const opened = openTarget({ clock });
  return { ...opened, read: () => played(clock, listAll(opened.access.client, list, asking)) };
}

function fill({ core }: Pick<Opened, 'core'>, count: number): void {
  for (let each = 0; each < count; each++) core.admin.addForeign();
}

/** Answers one page with these links, whatever was asked for. */
const page = (next: string, ids: readonly number[], total: number): ApiResponse => ({
  status: 200,
  headers: {},
  body: JSON.stringify({ droplets: ids.map((id) => ({ id })), links: { pages: { next } }, meta: { total } }),
});

test('all pages are read, at the configured endpoint, though their links name the public one', async () => {
  const target = open();
  fill(target, 450);
  const { entries, complete } = await target.read();
  expect([entries.length, complete]).toEqual([450, true]);
  expect(target.core.calls.get('GET /droplets')).toBe(3);
});

test.each(['https://evil.example/v2/account/keys?page=2', 'https://api.digitalocean.com/v2/droplets', 'nonsense'])(
  'a link to something else (%s) is not followed',
  async (next) => {
    const target = open();
    target.tampers.push({ before: () => page(next, [1], 2) });
    expect((await refusalOf(target.read())).kind).toBe('retry');
  },
);

test('a deletion between two pages makes the list incomplete', async () => {
  const target = open();
  fill(target, 250);
  const [first] = target.core.account.droplets.keys();
  target.tampers.push({
    after(_, response) {
      target.core.admin.lose(first ?? 0);
      return response;
    },
  });
  expect((await target.read()).complete).toBe(false);
});

test('an entry that cannot be read hides itself only, and says that the list is incomplete', async () => {
  const target = open();
  fill(target, 2);
  target.tampers.push({
    after: (_, response) => ({ ...response, body: response.body.replace(/"id":\d+/, '"id":"x"') }),
  });
  const { entries, complete } = await target.read();
  expect([entries.length, complete]).toEqual([1, false]);
});

test('a list without an end is given up', async () => {
  const target = open();
  const again = (): void =>
    void target.tampers.push({
      before() {
        again();
        return page('https://api.digitalocean.com/v2/droplets?page=2', [1], 1);
      },
    });
  again();
  expect((await target.read()).complete).toBe(false);
});
