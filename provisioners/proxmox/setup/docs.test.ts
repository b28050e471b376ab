import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { sampleSettings } from '../fixtures.ts';
import { grantsFor } from './grants.ts';

const page = (name: string): Promise<string> => readFile(new URL(`../../../docs/${name}`, import.meta.url), 'utf8');

test('the page about rights explains every privilege of both versions, and no other', async () => {
  const rows = [...(await page('proxmox-rights.md')).matchAll(/^\| `([A-Z][A-Za-z]*\.[A-Za-z.]+)` \|/gm)];
  const settings = sampleSettings({ pool: 'dc-agent', bridge: 'vmbr0' });
  const needed = [8, 9].flatMap((major) => grantsFor(settings, major).privileges);
  expect(new Set(rows.map(([, privilege]) => privilege))).toEqual(new Set(needed));
});

test('and every path', async () => {
  const text = await page('proxmox-rights.md');
  const settings = sampleSettings({ pool: 'dc-agent', bridge: 'bridge', storage: 'local-lvm' });
  const shown = grantsFor(settings, 9).paths.map((path) =>
    path
      .replace('local-lvm', '<storage>')
      .replace(/bridge$/, '<bridge>')
      .replace(/pve$/, '<node>'),
  );
  expect(shown).toHaveLength(4);
  for (const path of shown) expect(text).toContain(`| \`${path}\` |`);
});
