import { readFile } from 'node:fs/promises';
import { parse } from 'smol-toml';
import { expect, test } from 'vitest';
import { manualSettings } from './schema.ts';

test('the page for providers shows every setting, and no other', async () => {
  const page = await readFile(new URL('../../docs/manual.md', import.meta.url), 'utf8');
  const [, toml = ''] = /```toml\n(.*?)```/s.exec(page) ?? [];
  const { targets } = parse(toml) as { targets: { manual: object }[] };
  expect(Object.keys(targets[0]?.manual ?? {}).sort()).toEqual(Object.keys(manualSettings.shape).sort());
});
