import { readFileSync, writeFileSync } from 'node:fs';
import { parse } from 'smol-toml';
import { expect, test } from 'vitest';
import { plannedPlugins as planned, builtinPlugins as plugins } from '../../provisioners/index.ts';
import { renderDocs, renderExample } from './docs.ts';
import { parseConfig } from './load.ts';
import { keysOf, TABLES } from './reference.ts';
import { isTable, type Table } from './tables.ts';
import { ConfigError } from './types.ts';

const exampleFile = new URL('../../config.example.toml', import.meta.url);
const docsFile = new URL('../../docs/config.md', import.meta.url);

function generated(file: URL, content: string): string {
  if (process.env.UPDATE_DOCS === '1') writeFileSync(file, content);
  return readFileSync(file, 'utf8');
}

const example = generated(exampleFile, renderExample(plugins));

test('the example file is what the schemas give; UPDATE_DOCS=1 rewrites it', () => {
  expect(example).toBe(renderExample(plugins));
});

test('docs/config.md is what the schemas give; UPDATE_DOCS=1 rewrites it', () => {
  expect(generated(docsFile, renderDocs(plugins, planned))).toBe(renderDocs(plugins, planned));
});

const uncommented = example.replaceAll(/^#(?=[a-z[])/gm, '');

function filledIn(text: string): string {
  return text
    .replaceAll('REPLACE-WITH-YOUR-PROVIDER-PUBKEY', 'ab'.repeat(32))
    .replaceAll(/REPLACE-WITH-YOUR-/g, 'mine-');
}

test('the example, as it is shipped, is refused for its placeholders and for nothing else', () => {
  try {
    parseConfig(example, 'config.example.toml', { plugins, env: {} });
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    const problems = error instanceof ConfigError ? error.problems : [];
    expect(problems.map((problem) => problem.path)).toContain('api.provider_pubkey');
    for (const problem of problems) expect(problem.message).toContain('placeholder');
  }
});

test('the example is valid once its placeholders are filled in, with and without every optional key', () => {
  const short = parseConfig(filledIn(example), 'x', { plugins, env: {} });
  expect(short.gateway).toBeUndefined();
  expect(short.targets).toHaveLength(1);
  const full = parseConfig(filledIn(uncommented), 'x', { plugins, env: {} });
  expect(full.gateway).toBeDefined();
  expect(full.targets.map(({ type }) => type).sort()).toEqual([...plugins.keys()].sort());
  expect(full.warnings).toEqual([]);
});

test('every key of every schema is in the example, and nothing else is', () => {
  const document: Table = parse(uncommented);
  for (const [name, schema] of Object.entries(TABLES)) {
    expect(Object.keys(document[name] ?? {})).toEqual(keysOf(schema).map(({ key }) => key));
  }
  const targets = Array.isArray(document.targets) ? document.targets : [];
  for (const [type, { settings }] of plugins) {
    const target = targets.filter(isTable).find((table) => table.type === type);
    expect(Object.keys(target?.[type] ?? {})).toEqual(keysOf(settings).map(({ key }) => key));
  }
});

test('every key is described', () => {
  for (const schema of [
    ...Object.values(TABLES),
    ...[...plugins.values(), ...planned.values()].map(({ settings }) => settings),
  ]) {
    for (const { key, description } of keysOf(schema)) expect(description, key).not.toBe('');
  }
});
