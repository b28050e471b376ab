import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { expect, test } from 'vitest';
import { silentLog, systemClock } from '../../src/provisioner/index.ts';
import { scriptClient } from './client.ts';
import { attempt, Farm, Workbench } from './fixtures.ts';
import { scriptSettings } from './schema.ts';
import { parseAnswer } from './wire.ts';

// The protocol page is what providers build on: its examples are held against the code.
const page = readFileSync(join(import.meta.dirname, '../../docs/script.md'), 'utf8');

function blocks(language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, body = '']) => body);
}

/** A block is one object over several lines, or one object on each line. */
const objects = blocks('json').flatMap((block) => (block.startsWith('{\n') ? [block] : block.trim().split('\n')));
const answers = objects.filter((text) => text.includes('"success"'));

test('the page has an example of every kind of answer', () => {
  for (const field of ['"instance":', '"health":', '"instances":', '"error":']) {
    expect(
      answers.some((text) => text.includes(field)),
      field,
    ).toBe(true);
  }
});

test.each(answers)('the answer %s is understood', (text) => {
  const shortened = text.replaceAll(/"([0-9a-f]+)\.\.\."/g, '"$1"');
  expect(parseAnswer(Buffer.from(shortened))).toMatchObject({ ok: true });
});

test('the order to provision has exactly the fields that are sent', async () => {
  const bench = new Workbench();
  try {
    const farm = new Farm(bench, { provision: { success: true } });
    const { executable } = farm;
    const settings = scriptSettings.parse({ provision: executable, terminate: executable, health_check: executable });
    const { order } = attempt();
    const ctx = { signal: new AbortController().signal, log: silentLog };
    await scriptClient(settings, 'rack', systemClock).provision(order, order.stamp.operation, ctx);
    const [shown = '{}'] = objects.filter((text) => text.includes('"action"'));
    expect(Object.keys(JSON.parse(shown))).toEqual(Object.keys(farm.orders[0] ?? {}));
  } finally {
    bench.cleanup();
  }
});

test('the configuration is valid and names every key', () => {
  const [toml = ''] = blocks('toml');
  const { targets } = parse(toml) as { targets: { script: unknown }[] };
  const settings = scriptSettings.parse(targets[0]?.script);
  const shown = targets[0]?.script as Record<string, unknown>;
  expect(Object.keys(settings).sort()).toEqual(Object.keys(shown).sort());
  expect(Object.keys(shown).sort()).toEqual(Object.keys(scriptSettings.shape).sort());
});
