import { readFile } from 'node:fs/promises';
import { parse } from 'smol-toml';
import { expect, test } from 'vitest';
import { fingerprintOf, NOBODYS_KEY } from './keys.ts';
import { LABEL } from './labels.ts';
import { hetznerSettings } from './schema.ts';

const text = await readFile(new URL('../../docs/hetzner.md', import.meta.url), 'utf8');

test('the page for providers tells what every setting is about, and of no other', () => {
  const table = text.slice(text.indexOf('## Settings'), text.indexOf('## Never twice'));
  const named = [...table.matchAll(/`([a-z]+[a-z0-9]*(?:_[a-z]+)*)`/g)].map(([, key]) => key);
  expect(new Set(named)).toEqual(new Set(Object.keys(hetznerSettings.shape)));
});

test('it names the labels by which a machine is known to be ours, and the key that nobody has', () => {
  for (const label of [LABEL.agent, LABEL.contract, LABEL.operation, LABEL.ordered, LABEL.template]) {
    expect(text).toContain(label);
  }
  expect(text).toContain(`dc-agent-${fingerprintOf(NOBODYS_KEY).replaceAll(':', '').slice(0, 12)}`);
});

test('its example is a configuration that the plugin takes', () => {
  const [, example = ''] = /```toml\n([\s\S]*?)```/.exec(text) ?? [];
  const { targets } = parse(example.replaceAll(/^ {3}/gm, '')) as { targets: { type: string; hetzner: object }[] };
  expect(targets.map(({ type }) => type)).toEqual(['hetzner']);
  const settings = hetznerSettings.parse({ ...targets[0]?.hetzner, token: 'a text in place of the file' });
  expect(settings).toMatchObject({
    offerings: ['small-vps'],
    firewall: 'dc-agent',
    substitute: 'none',
    suspend: 'poweroff',
  });
});
