import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { createBench } from './test/client.ts';

const readme = readFileSync(new URL('README.md', import.meta.url), 'utf8');

it('the README names every call that is served, and no other', async () => {
  const { core } = createBench();
  const served = new Set(core.endpoints.map(({ method, path }) => `${method} ${path}`));
  const rows = [...readme.matchAll(/^\| `(\/[^`]*)` \| ([A-Z ]+) \|$/gm)];
  const named = rows.flatMap(([, path, methods = '']) => methods.split(' ').map((method) => `${method} ${path}`));
  expect(named.toSorted()).toEqual([...served].toSorted());
  await core.close();
});

it('the README names everything that can happen behind the API, and no other', async () => {
  const { core } = createBench();
  const paragraph = /^`core\.admin`: ([^.]+)\./m.exec(readme)?.[1] ?? '';
  const named = [...paragraph.matchAll(/`(\w+)`/g)].map(([, name = '']) => name);
  expect(named.toSorted()).toEqual(Object.keys(core.admin).toSorted());
  await core.close();
});
