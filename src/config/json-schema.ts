import { type JsonSchema, jsonSchema, type Plugins, TABLES } from './reference.ts';

/**
 * `dc-agent config schema`: JSON Schema (draft 2020-12) of the configuration file, for editors that complete and check TOML.
 * It admits the reference agent's notations too. What only the agent can check (files of secrets, placeholders) is not in it.
 */
export function configSchema(plugins: Plugins): Record<string, unknown> {
  const own = Object.fromEntries(Object.entries(TABLES).map(([name, schema]) => [name, jsonSchema(schema)]));
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'dc-agent configuration',
    type: 'object',
    properties: {
      ...withLegacyKeys(own),
      targets: {
        description: 'The configured backends; the first is the default.',
        type: 'array',
        minItems: 1,
        items: targetSchema(plugins, true),
      },
      provisioner: { ...targetSchema(plugins, false), description: 'The reference agent’s notation for one backend.' },
      additional_provisioners: { type: 'array', items: targetSchema(plugins, false) },
    },
    required: ['api'],
    anyOf: [{ required: ['targets'] }, { required: ['provisioner'] }, { required: ['additional_provisioners'] }],
    additionalProperties: false,
  };
}

function withLegacyKeys(own: Record<string, JsonSchema>): Record<string, JsonSchema> {
  const add = (name: string, key: string): JsonSchema => ({
    ...own[name],
    properties: { ...own[name]?.properties, [key]: { type: 'string', description: 'Ignored.', deprecated: true } },
  });
  return { ...own, api: add('api', 'provider_secret_key'), polling: add('polling', 'orphan_tracker_path') };
}

/** Written as a variable: a literal `then` makes linters (and `await`) take the schema for a promise. */
const CONSEQUENCE = 'then';

/** One backend: the settings in a table named after the type, or flat beside it. */
function targetSchema(plugins: Plugins, named: boolean): Record<string, unknown> {
  const types = [...plugins].map(([type, { settings }]) => ({ type, settings: jsonSchema(settings) }));
  const tables = Object.fromEntries(types.map(({ type, settings }) => [type, settings]));
  const name = {
    description: 'Names the target; machines are remembered under it, so never rename it.',
    type: 'string',
  };
  return {
    type: 'object',
    properties: {
      ...(named ? { name: { ...name, pattern: '^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$' } } : {}),
      type: { description: 'The provisioner.', enum: types.map(({ type }) => type) },
      ...tables,
    },
    required: named ? ['name', 'type'] : ['type'],
    allOf: types.map(({ type, settings }) => ({
      if: { properties: { type: { const: type } }, required: ['type'] },
      [CONSEQUENCE]: {
        properties: settings.properties,
        ...(settings.required === undefined ? {} : { anyOf: [{ required: [type] }, { required: settings.required }] }),
      },
    })),
    unevaluatedProperties: false,
  };
}
