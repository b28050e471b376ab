import { readFile } from 'node:fs/promises';
import { parse } from 'smol-toml';
import { expect, test } from 'vitest';
import { fingerprintOf, NOBODYS_KEY } from './keys.ts';
import { digitaloceanSettings } from './schema.ts';

const text = await readFile(new URL('../../docs/digitalocean.md', import.meta.url), 'utf8');

test('the page for providers tells what every setting is about, and of no other', () => {
  const table = text.slice(text.indexOf('## Settings'), text.indexOf('## Sizes and regions'));
  const named = [...table.matchAll(/`([a-z]+[a-z0-9]*(?:_[a-z]+)*)`/g)].map(([, key]) => key);
  expect(new Set(named)).toEqual(new Set(Object.keys(digitaloceanSettings.shape)));
});

test('it names the tags by which a machine is known to be ours, and the key that nobody has', () => {
  for (const tag of ['dc-agent:', 'dc-order:', 'dc-ordered:']) expect(text).toContain(`\`${tag}\``);
  expect(text).toContain(`dc-agent-${fingerprintOf(NOBODYS_KEY).replaceAll(':', '').slice(0, 12)}`);
});

test('its example is a configuration that the plugin takes', () => {
  const [, example = ''] = /```toml\n([\s\S]*?)```/.exec(text) ?? [];
  const { targets } = parse(example.replaceAll(/^ {3}/gm, '')) as { targets: { type: string; digitalocean: object }[] };
  expect(targets.map(({ type }) => type)).toEqual(['digitalocean']);
  const given = { ...targets[0]?.digitalocean, api_token: 'a text in place of the file' };
  expect(digitaloceanSettings.parse(given)).toMatchObject({
    firewall: 'dc-agent',
    substitute: 'none',
    max_droplets: 20,
  });
});
