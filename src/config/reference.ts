import { z } from 'zod';
import type { KeyPath } from './locate.ts';
import { agentTable, apiTable, gatewayTable, pollingTable, recipesTable } from './schema.ts';

/** What configuration needs to know of a plugin. */
export interface SettingsOwner {
  readonly settings: z.ZodType;
}

export type Plugins = ReadonlyMap<string, SettingsOwner>;

/** One key, as the documentation, the example file and `config explain` see it. */
export interface KeyReference {
  readonly key: string;
  readonly description: string;
  /** In words: `text`, `whole number, 1 to 100`, ... */
  readonly type: string;
  readonly required: boolean;
  readonly secret: boolean;
  readonly default?: unknown;
  readonly example?: unknown;
}

/** The agent's own tables in the order in which they are documented. */
export const TABLES = {
  api: apiTable,
  polling: pollingTable,
  agent: agentTable,
  recipes: recipesTable,
  gateway: gatewayTable,
} as const;

/** The keys of a table, read from its schema. */
export function keysOf(schema: z.ZodType): KeyReference[] {
  const table = jsonSchema(schema);
  return Object.entries(table.properties ?? {}).map(([key, property]) => ({
    key,
    description: property.description ?? '',
    type: typeWords(property),
    required: table.required?.includes(key) ?? false,
    secret: property.writeOnly === true,
    ...(property.default === undefined ? {} : { default: property.default }),
    ...exampleOf(property),
  }));
}

/** zod drops the examples of what it transforms, so a secret's stands with its first form, the text. */
function exampleOf(property: JsonSchema): { example?: unknown } {
  const example = property.examples?.[0] ?? property.anyOf?.[0]?.examples?.[0];
  return example === undefined ? {} : { example };
}

/** The keys that are allowed at a path inside a table; empty when the schema does not say. */
export function keysAt(schema: z.ZodType, path: KeyPath): string[] {
  let current: JsonSchema | undefined = jsonSchema(schema);
  for (const part of path) current = typeof part === 'number' ? current?.items : current?.properties?.[part];
  return Object.keys(current?.properties ?? {});
}

/** The part of JSON Schema that we read. */
export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly writeOnly?: boolean;
  readonly deprecated?: boolean;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly additionalProperties?: unknown;
}

const parsed = new WeakMap<z.ZodType, JsonSchema>();

/** What may be written in the file (defaults not yet filled in), as JSON Schema draft 7. */
export function jsonSchema(schema: z.ZodType): JsonSchema {
  const known = parsed.get(schema);
  if (known !== undefined) return known;
  const { $schema: _, ...fresh } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', target: 'draft-7' });
  const read = fresh as JsonSchema;
  parsed.set(schema, read);
  return read;
}

function typeWords(schema: JsonSchema): string {
  if (schema.writeOnly === true) return 'secret';
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' or ');
  if (schema.format === 'uri') return 'URL';
  switch (schema.type) {
    case 'string':
      return schema.format === 'ipv4' || schema.format === 'ipv6' ? 'IP address' : 'text';
    case 'integer':
      return `whole number${range(schema)}`;
    case 'number':
      return `number${range(schema)}`;
    case 'boolean':
      return 'true or false';
    case 'array':
      return schema.items === undefined ? 'list' : `list of ${typeWords(schema.items)}`;
    case 'object':
      return 'table';
    default:
      return schema.anyOf === undefined ? 'any' : [...new Set(schema.anyOf.map(typeWords))].join(' or ');
  }
}

function range({ minimum, exclusiveMinimum, maximum }: JsonSchema): string {
  const low =
    written(minimum)?.toString() ?? (exclusiveMinimum === undefined ? undefined : `above ${exclusiveMinimum}`);
  const high = written(maximum);
  if (low === undefined) return high === undefined ? '' : `, at most ${high}`;
  if (high !== undefined) return `, ${low} to ${high}`;
  return minimum === undefined ? `, ${low}` : `, at least ${low}`;
}

/** zod gives every whole number the bounds within which JavaScript is exact; they are nobody's setting. */
function written(bound: number | undefined): number | undefined {
  return bound === undefined || Math.abs(bound) >= Number.MAX_SAFE_INTEGER ? undefined : bound;
}
