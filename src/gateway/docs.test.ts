import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

// Operators look for the very words that they were shown.
const ROOT = join(import.meta.dirname, '../..');
const page = readFileSync(join(ROOT, 'docs/gateway.md'), 'utf8');
const [, troubles = ''] = page.split('## When something is wrong');
const rows = [...troubles.matchAll(/^\| (`.*?`) \| /gm)].map(([, says = '']) => says);
const texts = rows.flatMap((says) => [...says.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text));

/** All of the program where such words come from, with templates as they are written. */
const program = ['src/gateway', 'src/agent', 'src/cli', 'provisioners/script']
  .flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
  )
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  .map((file) => readFileSync(join(ROOT, file), 'utf8').replaceAll("\\'", "'"))
  .join('\n');

test('the page has a row for every kind of trouble', () => {
  expect(texts.length).toBeGreaterThan(20);
});

test.each(texts)('somebody says "%s"', (text) => {
  expect(program).toContain(text);
});
