import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { CAPABILITIES } from './machine.ts';
import { dockerSettings } from './schema.ts';
import { LABEL } from './stamp.ts';

const text = await readFile(new URL('../../docs/docker.md', import.meta.url), 'utf8');

test('the page for providers tells what every setting is about, and of no other', () => {
  const table = text.slice(text.indexOf('## Settings'), text.indexOf('## Images'));
  const named = [...table.matchAll(/`([a-z]+(?:_[a-z]+)*)`/g)].map(([, key]) => key);
  expect(new Set(named)).toEqual(new Set(Object.keys(dockerSettings.shape)));
});

test('it lists the capabilities that machines really have', () => {
  const [, list = ''] = /needs \(([A-Z_,\s]+)\)/.exec(text) ?? [];
  expect(new Set(list.split(/,\s*/))).toEqual(new Set(CAPABILITIES));
});

test('it names the labels by which a machine is known to be ours', () => {
  for (const label of [LABEL.agent, LABEL.contract, LABEL.agentId, LABEL.operation]) expect(text).toContain(label);
});
