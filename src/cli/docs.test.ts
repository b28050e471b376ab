import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { renderDocs } from './docs.ts';

test('docs/cli.md is what the commands say (UPDATE_DOCS=1 rewrites it)', () => {
  const file = new URL('../../docs/cli.md', import.meta.url);
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(file, renderDocs());
  expect(readFileSync(file, 'utf8')).toBe(renderDocs());
});
