import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CALLS } from './routes.ts';

test('the README names every call that is served, and no other', () => {
  const text = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8');
  const [, listed = ''] = /<!-- served -->([^]*)<!-- \/served -->/.exec(text) ?? [];
  const named = [...listed.matchAll(/^\* `([^`]+)`$/gm)].map(([, call]) => call);
  expect(new Set(named)).toEqual(CALLS);
});
