import type { z } from 'zod';
import { PLACEHOLDERS } from './placeholders.ts';
import { type KeyReference, keysOf, type Plugins, TABLES } from './reference.ts';

/** `config.example.toml`: every key of every table, optional ones commented out at their default. */
export function renderExample(plugins: Plugins): string {
  const { api, polling, agent, recipes, gateway } = TABLES;
  const order = [...plugins].sort(([a], [b]) => Number(b === 'docker') - Number(a === 'docker'));
  const blocks = [
    introduction(),
    exampleTable('[api]', api),
    exampleTable('[polling]', polling),
    exampleTable('[agent]', agent),
    commentedOut(exampleTable('[recipes]', recipes)),
    commentedOut(exampleTable('[gateway]', gateway)),
    targetsNote(),
    ...order.map(([type, { settings }], i) => {
      const block = exampleTarget(type, settings);
      return i === 0 ? block : commentedOut(block);
    }),
  ];
  return `${blocks.join('\n\n')}\n`;
}

const introduction = (): string =>
  prose(
    'Configuration of dc-agent. This file has every key that there is. A line that starts with "#" and no space is a setting ' +
      'at its default, or an example of one that has none: take the "#" away to set it. Check the file with: dc-agent config check',
    '',
    'Wherever a secret is wanted, three forms will do: the text itself, { file = "/path" } with a file that only its owner ' +
      'can reach, or { credential = "name" } for a credential that systemd hands over (LoadCredential=).',
  );

const targetsNote = (): string =>
  prose(
    'Backends. The first is the default one. Each has a name of its own, under which its machines are remembered: do not ' +
      'rename a target that has machines. Several of one type are fine.',
  );

function exampleTable(header: string, schema: z.ZodType): string {
  return [prose(schema.description ?? ''), header, ...keysOf(schema).map((key) => exampleKey(key, schema))].join('\n');
}

function exampleTarget(type: string, schema: z.ZodType): string {
  const about = schema.description === undefined ? [] : [prose(schema.description)];
  const head = ['[[targets]]', `name = "my-${type}"`, `type = "${type}"`, `[targets.${type}]`];
  return [...about, ...head, ...keysOf(schema).map((key) => exampleKey(key, schema))].join('\n');
}

function exampleKey(key: KeyReference, schema: z.ZodType): string {
  const line = `${key.key} = ${tomlValue(exampleValue(key, schema))}`;
  return [
    prose(`${key.description} (${key.type}${key.required ? ', required' : ''})`),
    key.required ? line : `#${line}`,
  ].join('\n');
}

function exampleValue({ key, default: standard, example }: KeyReference, schema: z.ZodType): unknown {
  if (standard !== undefined || example !== undefined) return standard ?? example;
  const placeholder = `${PLACEHOLDERS[1]}-${key.toUpperCase().replaceAll('_', '-')}`;
  return accepts(schema, key, `/${placeholder}`) && !accepts(schema, key, placeholder)
    ? `/${placeholder}`
    : placeholder;
}

/** Whether the schema has nothing against this one value. */
function accepts(schema: z.ZodType, key: string, value: string): boolean {
  const { error } = schema.safeParse({ [key]: value });
  return error?.issues.every((issue) => issue.path[0] !== key) ?? true;
}

function commentedOut(block: string): string {
  return block.replace(/^(?=[^#\n])/gm, '#');
}

/** `docs/config.md`: the same keys as a reference. */
export function renderDocs(plugins: Plugins, planned: Plugins): string {
  const { api, polling, agent, recipes, gateway } = TABLES;
  const parts = [
    '# Configuration',
    'Generated from the schemas: change a description there, then run the tests with `UPDATE_DOCS=1`.',
    'The file is TOML, by default `/etc/dc-agent/dc-agent.toml`. `dc-agent config check` tells every problem with its line, `dc-agent config explain` where each value comes from; `run` and every other command end with exit code 78 when there is a problem. An unknown key is one. `dc-agent config schema > dc-agent.schema.json` writes a JSON Schema: with `#:schema ./dc-agent.schema.json` as the first line, editors that know TOML complete and check the file.',
    '## Secrets',
    'A key of type *secret* takes the text itself, `{ file = "/path" }` or `{ credential = "name" }`. A file must belong to the agent’s user or root and be closed to everybody else (`chmod 600`). A credential is one that systemd hands over with `LoadCredential=`.',
    docsTable('`[api]`', api),
    docsTable('`[polling]`', polling),
    docsTable('`[agent]`', agent),
    docsTable('`[recipes]`', recipes),
    docsTable('`[gateway]`', gateway),
    '## `[[targets]]`',
    'One for each backend; the first is the default. `name` (1 to 32 lower-case letters, digits, hyphens) is what the target’s machines are remembered under, so it must not change while there are any. `type` is the provisioner. Its settings stand in a table named after the type, `[targets.docker]` for instance, or directly beside `name` and `type`.',
    '### The reference agent’s notation',
    '`[provisioner]` and `[[additional_provisioners]]`, each with `type`, and the settings in a nested table or flat, are read as well. Such a target is called after its type; a second one of a type becomes `type-2`, with a warning. Where both a nested table and flat keys are present, the nested table counts. For DigitalOcean the flat names are `do_size`, `do_region` and `do_image`. `api.provider_secret_key` and `polling.orphan_tracker_path` are ignored with a warning.',
    ...[...plugins].map(([type, { settings }]) => docsTable(`Settings of \`${type}\``, settings)),
    ...plannedParts(planned),
  ];
  return `${parts.join('\n\n')}\n`;
}

function plannedParts(planned: Plugins): string[] {
  if (planned.size === 0) return [];
  return [
    '## Planned provisioners',
    'These are not in this version. `config check` reads their settings and warns; `run` refuses the file, so that no contract is taken that cannot be served.',
    ...[...planned].map(([type, { settings }]) => docsTable(`Settings of \`${type}\` (planned)`, settings)),
  ];
}

function docsTable(title: string, schema: z.ZodType): string {
  const keys = keysOf(schema);
  const head = `## ${title}\n\n${schema.description ?? ''}`;
  if (keys.length === 0) return `${head}\n\nIt has no settings.`;
  const rows = keys.map(
    (key) => `| \`${key.key}\` | ${cell(key.type)} | ${cell(defaultWords(key))} | ${cell(key.description)} |`,
  );
  return [head, '', '| key | type | default | meaning |', '|---|---|---|---|', ...rows].join('\n');
}

function defaultWords(key: KeyReference): string {
  if (key.required) return 'required';
  return key.default === undefined ? '-' : `\`${tomlValue(key.default)}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

/** JSON and TOML write texts, numbers, booleans and lists alike. */
function tomlValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(tomlValue).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const pairs = Object.entries(value).map(([key, item]) => `${key} = ${tomlValue(item)}`);
  return pairs.length === 0 ? '{}' : `{ ${pairs.join(', ')} }`;
}

const WIDTH = 100;

/** Comment lines, broken between words. */
function prose(...paragraphs: string[]): string {
  return paragraphs
    .flatMap(wrap)
    .map((line) => (line === '' ? '#' : `# ${line}`))
    .join('\n');
}

function wrap(paragraph: string): string[] {
  const lines = [''];
  for (const word of paragraph.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}
