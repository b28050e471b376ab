import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createVerbs } from './admin-verbs.ts';
import { REAL_SERVER } from './options.ts';
import { createStory } from './story.ts';

const readme = readFileSync(new URL('README.md', import.meta.url), 'utf8');

/** The names in the first column of the table that starts with this heading. */
function firstColumn(heading: string): string[] {
  const table = readme.slice(readme.indexOf(`| ${heading} |`)).split('\n\n', 1)[0] ?? '';
  const cells = table
    .split('\n')
    .slice(2)
    .map((line) => (line.split('|')[1] ?? '').replace(/\(.*\)/, ''));
  return cells.flatMap((cell) => [...cell.matchAll(/`([\w-]+)`/g)].map(([, name]) => name ?? ''));
}

test('the README names every verb of the admin interface, and no other', () => {
  const verbs = [...createVerbs(createStory().core, {}).keys()];
  expect(firstColumn('verb').sort()).toEqual(verbs.sort());
});

test('the README names every switch, and no other', () => {
  expect(firstColumn('switch').sort()).toEqual(Object.keys(REAL_SERVER).sort());
});

test('the README’s fault kinds are what the admin interface takes', () => {
  const fault = createVerbs(createStory().core, {}).get('fault');
  const needs: Record<string, object> = { delay: { ms: 1 }, hold: { ms: 1 }, 'content-type': { value: 'text/html' } };
  const kinds = firstColumn('kind');
  expect(kinds).toHaveLength(14);
  for (const kind of kinds) {
    expect(() => fault?.({ route: '*', fault: { kind, ...needs[kind] } })).not.toThrow();
  }
  expect(() => fault?.({ route: '*', fault: { kind: 'explode' } })).toThrow();
});
