import { readFile } from 'node:fs/promises';
import { parse } from 'smol-toml';
import { expect, test } from 'vitest';
import { vultrSettings } from './schema.ts';
import { TAG } from './tags.ts';

const text = await readFile(new URL('../../docs/vultr.md', import.meta.url), 'utf8');

test('the page for providers tells what every setting is about, and of no other', () => {
  const table = text.slice(text.indexOf('## Settings'), text.indexOf('## Never twice'));
  const named = [...table.matchAll(/`([a-z]+[a-z0-9]*(?:_[a-z]+)*)`/g)].map(([, key]) => key);
  expect(new Set(named)).toEqual(new Set(Object.keys(vultrSettings.shape)));
});

test('it names the tags by which a machine is known to be ours', () => {
  for (const tag of Object.values(TAG)) expect(text).toContain(`\`${tag}\``);
});

test('its example is a configuration that the plugin takes', () => {
  const [, example = ''] = /```toml\n([\s\S]*?)```/.exec(text) ?? [];
  const { targets } = parse(example.replaceAll(/^ {3}/gm, '')) as { targets: { type: string; vultr: object }[] };
  expect(targets.map(({ type }) => type)).toEqual(['vultr']);
  const settings = vultrSettings.parse({ ...targets[0]?.vultr, api_key: 'a text in place of the file' });
  expect(settings).toMatchObject({ offerings: ['small-vps'], image: 'os:2136', substitute: 'none', ipv4: 'own' });
});
