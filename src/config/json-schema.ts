import { type JsonSchema, jsonSchema, type Plugins, TABLES } from './reference.ts';
import { FLAT_NAMES } from './target-settings.ts';
import { TARGET_NAME } from './targets.ts';

/**
 * `dc-agent config schema`: JSON Schema of the configuration file, for editors that complete and check TOML. Draft 7, because
 * later ones are not understood by all of them. It admits the reference agent's notations too. What only the agent can check
 * (files of secrets, placeholders, names that occur twice) is not in it.
 */
export function configSchema(plugins: Plugins, planned: Plugins = new Map()): Record<string, unknown> {
  const own = Object.fromEntries(Object.entries(TABLES).map(([name, schema]) => [name, jsonSchema(schema)]));
  const types = [...new Map([...plugins, ...planned])].map(([type, { settings }]) => ({
    type,
    settings: describedAs(jsonSchema(settings), plugins.has(type) ? '' : 'Not in this version: run refuses it. '),
  }));
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'dc-agent configuration',
    type: 'object',
    properties: {
      ...withLegacyKeys(own),
      targets: {
        description: 'The configured backends; the first is the default.',
        type: 'array',
        minItems: 1,
        items: targetSchema(types, 'ours'),
      },
      provisioner: {
        description: 'The reference agent’s notation for one backend.',
        ...targetSchema(types, 'reference'),
      },
      additional_provisioners: {
        description: 'The reference agent’s notation for further backends.',
        type: 'array',
        items: targetSchema(types, 'reference'),
      },
    },
    required: ['api'],
    anyOf: [{ required: ['targets'] }, { required: ['provisioner'] }, { required: ['additional_provisioners'] }],
    additionalProperties: false,
  };
}

interface TypeSchema {
  readonly type: string;
  readonly settings: JsonSchema;
}

function describedAs(schema: JsonSchema, prefix: string): JsonSchema {
  return { ...schema, description: `${prefix}${schema.description ?? ''}` };
}

function withLegacyKeys(own: Record<string, JsonSchema>): Record<string, JsonSchema> {
  const add = (name: string, key: string): JsonSchema => ({
    ...own[name],
    properties: { ...own[name]?.properties, [key]: { type: 'string', description: 'Ignored.', deprecated: true } },
  });
  return { ...own, api: add('api', 'provider_secret_key'), polling: add('polling', 'orphan_tracker_path') };
}

/** One backend: the settings in a table named after the type, or flat beside it. */
function targetSchema(types: readonly TypeSchema[], notation: 'ours' | 'reference'): Record<string, unknown> {
  const name = {
    description: 'Names the target; machines are remembered under it, so never rename it.',
    type: 'string',
    pattern: TARGET_NAME.source,
  };
  const head = {
    ...(notation === 'ours' ? { name } : {}),
    type: { description: 'The provisioner.', enum: types.map(({ type }) => type) },
  };
  const tables = Object.fromEntries(types.map(({ type, settings }) => [type, settings]));
  return {
    type: 'object',
    properties: { ...head, ...tables },
    required: Object.keys(head),
    allOf: types.map((one) => ({
      if: { properties: { type: { const: one.type } }, required: ['type'] },
      // oxlint-disable-next-line unicorn/no-thenable -- the keyword of JSON Schema, in an object that nobody awaits
      then: admitted(one, notation, [...Object.keys(head), ...Object.keys(tables)], types),
    })),
  };
}

/** The reference agent reads flat keys of every type, whichever is chosen; our own notation knows those of its type only. */
function admitted(
  { type, settings }: TypeSchema,
  notation: 'ours' | 'reference',
  head: readonly string[],
  types: readonly TypeSchema[],
): Record<string, unknown> {
  const flat = flatSettings(type, settings);
  const others = notation === 'ours' ? [] : types.flatMap((other) => flatKeys(other.type, other.settings));
  const { required = [] } = settings;
  return {
    properties: flat,
    propertyNames: { enum: [...new Set([...head, ...flatKeys(type, settings), ...others])] },
    ...(required.length === 0 ? {} : { anyOf: [{ required: [type] }, { required }] }),
  };
}

function flatSettings(type: string, settings: JsonSchema): Record<string, JsonSchema> {
  const aliases = Object.entries(FLAT_NAMES[type] ?? {}).map(([alias, key]) => [
    alias,
    settings.properties?.[key] ?? {},
  ]);
  return { ...settings.properties, ...Object.fromEntries(aliases) };
}

function flatKeys(type: string, settings: JsonSchema): string[] {
  return Object.keys(flatSettings(type, settings));
}
