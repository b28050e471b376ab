import { access, constants, readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { builtinPlugins } from '../../provisioners/index.ts';
import { allCommands, GROUPS } from '../../src/cli/commands/index.ts';
import { ROOT } from './run.ts';

const DOCUMENTS = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...(await markdownBelow('docs'))];

async function markdownBelow(folder: string): Promise<string[]> {
  const entries = await readdir(join(ROOT, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
}

/** The lines of all code blocks, without their comments. */
function codeLines(markdown: string): string[] {
  const blocks = [...markdown.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, block]) => block ?? '');
  return blocks.flatMap((block) => block.split('\n')).map((line) => line.replace(/(^|\s+)# .*/, ''));
}

async function readAll(): Promise<{ readonly document: string; readonly text: string }[]> {
  return Promise.all(
    DOCUMENTS.map(async (document) => ({ document, text: await readFile(join(ROOT, document), 'utf8') })),
  );
}

test('links lead to places that exist', async () => {
  const links = (await readAll()).flatMap(({ document, text }) =>
    [...text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map(([, target = '']) => ({ document, target })),
  );
  const local = links.filter(({ target }) => !/^[a-z]+:/.test(target));
  expect(local.length).toBeGreaterThan(20);
  const missing = await Promise.all(
    local.map(({ document, target }) =>
      unless(access(resolve(ROOT, dirname(document), target)), `${document}: ${target}`),
    ),
  );
  expect(missing.flat()).toEqual([]);
});

test('examples name commands that exist', async () => {
  const known = new Set(allCommands.map(({ name }) => name));
  const typed = (await readAll()).flatMap(({ text }) => codeLines(text)).flatMap(commandOf);
  expect(typed.length).toBeGreaterThan(10);
  expect(typed.filter((name) => !known.has(name))).toEqual([]);
});

function commandOf(line: string): string[] {
  const words = /(?:^|sudo )dc-agent (?:--config \S+ )?([a-z][a-z -]*)/.exec(line)?.[1]?.trim().split(' ');
  if (words === undefined) return [];
  const [first = '', second = ''] = words;
  return [first in GROUPS ? `${first} ${second}` : first];
}

test('examples name scripts that can be run', async () => {
  const lines = (await readAll()).flatMap(({ text }) => codeLines(text));
  const scripts = new Set(lines.flatMap((line) => /^(scripts\/[a-z-]+)/.exec(line)?.[1] ?? []));
  expect(scripts).toContain('scripts/test');
  const refused = await Promise.all(
    [...scripts].map((script) => unless(access(join(ROOT, script), constants.X_OK), script)),
  );
  expect(refused.flat()).toEqual([]);
});

/** `[name]` when the promise is rejected. */
function unless(holds: Promise<void>, name: string): Promise<string[]> {
  return holds.then(
    () => [],
    () => [name],
  );
}

test('every decision is in the list, under its own title', async () => {
  const folder = join(ROOT, 'docs/decisions');
  const files = (await readdir(folder)).filter((name) => /^\d{4}-/.test(name)).sort();
  const rows = await Promise.all(
    files.map(async (file) => {
      const [, number, title] = /^# (\d{4}): (.+)$/m.exec(await readFile(join(folder, file), 'utf8')) ?? [];
      return `| [${number}](${file}) | ${title} |`;
    }),
  );
  const list = (await readFile(join(folder, 'README.md'), 'utf8'))
    .split('\n')
    .filter((line) => line.startsWith('| [0'));
  expect(list).toEqual(rows);
});

test('README calls exactly those backends working that are built in', async () => {
  const text = await readFile(join(ROOT, 'README.md'), 'utf8');
  const working = [...text.matchAll(/^\| `([a-z]+)` \|.*\| works.*\|$/gm)].map(([, type]) => type);
  expect(new Set(working)).toEqual(new Set(builtinPlugins.keys()));
});
