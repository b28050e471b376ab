import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CALLS } from './routes.ts';
import { officialDocument, WHY_SKIPPED } from './watch-spec.ts';

const document = officialDocument();
const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8');

describe.skipIf(!document)(`the README${document ? '' : ` (${WHY_SKIPPED})`}`, () => {
  test('names every documented path that is not served, and none that is', () => {
    const [, listed = ''] = /<!-- not served -->([^]*)<!-- \/not served -->/.exec(readme) ?? [];
    const named = [...listed.matchAll(/^\* (\S+)$/gm)].map(([, path = '']) => path);
    const served = new Set([...CALLS].map((call) => call.slice(call.indexOf(' ') + 1)));
    const covers = (name: string, path: string): boolean => path === name || path.startsWith(`${name}/`);
    const missing = Object.keys(document?.paths ?? {}).filter((path) => !served.has(path));
    expect(missing.filter((path) => !named.some((name) => covers(name, path)))).toEqual([]);
    expect(named.filter((name) => !missing.some((path) => covers(name, path)))).toEqual([]);
    expect([...served].filter((path) => named.some((name) => covers(name, path)))).toEqual([]);
  });
});
