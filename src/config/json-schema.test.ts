import { readFileSync } from 'node:fs';
import { parse } from 'smol-toml';
import { describe, expect, test } from 'vitest';
import { builtinPlugins, plannedPlugins } from '../../provisioners/index.ts';
import { API, MINIMAL } from './fixtures.ts';
import { configSchema } from './json-schema.ts';
import { PLACEHOLDERS } from './placeholders.ts';
import { isTable } from './tables.ts';

const schema = configSchema(builtinPlugins, plannedPlugins);

/**
 * What draft 7 says of a value, of the keywords that the schema uses; any other keyword throws, so that none goes unchecked.
 * Annotations, `format` among them, assert nothing.
 */
function complaints(at: unknown, value: unknown, path = ''): string[] {
  if (at === true || at === undefined) return [];
  if (at === false) return [`${path}: nothing is allowed here`];
  if (!isTable(at)) throw new Error(`${path}: not a schema`);
  return Object.entries(at).flatMap(([keyword, argument]) => assertKeyword(keyword, argument, at, value, path));
}

function assertKeyword(
  keyword: string,
  argument: unknown,
  at: Record<string, unknown>,
  value: unknown,
  path: string,
): string[] {
  const unless = (fine: boolean): string[] => (fine ? [] : [`${path}: ${keyword}`]);
  const fits = (other: unknown): boolean => complaints(other, value, path).length === 0;
  const properties = isTable(at.properties) ? at.properties : {};
  switch (keyword) {
    case 'type':
      return unless(argument === 'integer' ? Number.isInteger(value) : argument === typeOf(value));
    case 'enum':
      return unless(list(argument).includes(value));
    case 'const':
      return unless(value === argument);
    case 'minimum':
      return unless(typeof value !== 'number' || value >= Number(argument));
    case 'maximum':
      return unless(typeof value !== 'number' || value <= Number(argument));
    case 'exclusiveMinimum':
      return unless(typeof value !== 'number' || value > Number(argument));
    case 'minLength':
      return unless(typeof value !== 'string' || value.length >= Number(argument));
    case 'maxLength':
      return unless(typeof value !== 'string' || value.length <= Number(argument));
    case 'pattern':
      return unless(typeof value !== 'string' || new RegExp(String(argument), 'u').test(value));
    case 'minItems':
      return unless(!Array.isArray(value) || value.length >= Number(argument));
    case 'maxItems':
      return unless(!Array.isArray(value) || value.length <= Number(argument));
    case 'items':
      return Array.isArray(value) ? value.flatMap((item, i) => complaints(argument, item, `${path}[${i}]`)) : [];
    case 'required':
      return unless(!isTable(value) || list(argument).every((key) => Object.hasOwn(value, String(key))));
    case 'properties':
      if (!isTable(value)) return [];
      return Object.entries(properties).flatMap(([key, inner]) =>
        Object.hasOwn(value, key) ? complaints(inner, value[key], `${path}.${key}`) : [],
      );
    case 'additionalProperties':
      if (!isTable(value)) return [];
      return Object.keys(value)
        .filter((key) => !Object.hasOwn(properties, key))
        .flatMap((key) => complaints(argument, value[key], `${path}.${key}`));
    case 'propertyNames':
      return isTable(value) ? Object.keys(value).flatMap((key) => complaints(argument, key, `${path}.${key}`)) : [];
    case 'allOf':
      return list(argument).flatMap((inner) => complaints(inner, value, path));
    case 'anyOf':
      return unless(list(argument).some(fits));
    case 'if':
      return fits(argument) ? complaints(at['then'], value, path) : [];
    default:
      if (ANNOTATIONS.includes(keyword)) return [];
      throw new Error(`${path}: draft 7 has no keyword ${keyword}, or this test does not know it`);
  }
}

const ANNOTATIONS = ['$schema', 'title', 'description', 'default', 'examples', 'format', 'writeOnly', 'then'].concat(
  // Younger than draft 7, and a mere remark: editors that know it strike the key through.
  'deprecated',
);

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return value === null ? 'null' : typeof value;
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error('expected a list');
  return value;
}

const judge = (text: string): string[] => complaints(schema, parse(text));

test('is draft 7 throughout, which every editor understands', () => {
  expect(schema.$schema).toBe('http://json-schema.org/draft-07/schema#');
  expect(JSON.stringify(schema)).not.toMatch(/unevaluated|prefixItems|\$defs|\$dynamic/);
  expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
});

test('every pattern is one that other engines read too', () => {
  const patterns = [...JSON.stringify(schema).matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)].map(([, text]) =>
    String(JSON.parse(text ?? '')),
  );
  expect(patterns.length).toBeGreaterThan(10);
  for (const pattern of patterns) expect(() => new RegExp(pattern, 'u')).not.toThrow();
});

test('every key has a description for the editor to show', () => {
  const undescribed: string[] = [];
  const visit = (at: unknown, path: string): void => {
    if (!isTable(at)) return;
    for (const [key, inner] of Object.entries(isTable(at.properties) ? at.properties : {})) {
      const { description } = isTable(inner) ? inner : {};
      // `file` and `credential` of a secret are told with the secret itself.
      if (typeof description !== 'string' || description === '') undescribed.push(`${path}.${key}`);
      visit(inner, `${path}.${key}`);
    }
    visit(at.items, `${path}[]`);
  };
  visit(schema, '');
  expect(undescribed).toEqual([]);
});

describe('of files that the agent takes', () => {
  const example = readFileSync(new URL('../../config.example.toml', import.meta.url), 'utf8')
    .replaceAll(/"\/?REPLACE-WITH-YOUR-PROVIDER-PUBKEY"/g, `"${'ab'.repeat(32)}"`)
    .replaceAll(`${PLACEHOLDERS[1]}-`, 'mine-');

  test.each<[what: string, text: string]>([
    ['a minimal one', MINIMAL],
    ['the example', example],
    ['the example with every key', example.replaceAll(/^#(?=[a-z[])/gm, '')],
    ['settings beside name and type', `${MINIMAL}ssh_port = 22\nnetwork = "n"`],
    ['settings in a table of the type’s name', `${MINIMAL}[targets.docker]\nssh_port = 22`],
    ['a secret in a file', MINIMAL.replace(/(agent_secret_key = ).*/, '$1{ file = "/k" }')],
    ['a secret in a credential', MINIMAL.replace(/(agent_secret_key = ).*/, '$1{ credential = "k" }')],
    ['the reference agent’s notation', `${API}[polling]\norphan_tracker_path = "/x"\n[provisioner]\ntype = "docker"`],
    [
      'flat keys of another type in the reference agent’s notation',
      `${API}[provisioner]\ntype = "docker"\nssh_port = 22\ntemplate_vmid = 9000\ndo_size = "s"`,
    ],
    [
      'DigitalOcean in the reference agent’s notation',
      `${API}[provisioner]\ntype = "digitalocean"\napi_token = "t"\ndo_size = "s-1vcpu-1gb"\n[[additional_provisioners]]\ntype = "manual"`,
    ],
  ])('it accepts %s', (_what, text) => {
    expect(judge(text)).toEqual([]);
  });
});

test.each<[what: string, text: string]>([
  ['a misspelt key', `${MINIMAL}[polling]\ninterval_secnds = 3`],
  ['a misspelt table', `${MINIMAL}[poling]`],
  ['a misspelt setting', `${MINIMAL}[targets.docker]\nssh_prt = 3`],
  ['a misspelt setting beside name and type', `${MINIMAL}ssh_prt = 3`],
  ['a setting of another type', `${MINIMAL}provision = "/opt/p"`],
  ['a value of the wrong kind', `${MINIMAL}ssh_port = "22"`],
  ['a value out of range', `${MINIMAL}[agent]\nbreaker_max_share = 0`],
  ['a missing key', MINIMAL.replace(/^provider_pubkey.*\n/m, '')],
  ['a missing setting', `${API}[[targets]]\nname = "s"\ntype = "script"\nprovision = "/p"`],
  ['a missing setting in a table of its own', `${API}[[targets]]\nname = "s"\ntype = "script"\n[targets.script]`],
  ['a target without a name', MINIMAL.replace(/^name.*\n/m, '')],
  ['a name that is none', MINIMAL.replace('"local"', '"-local"')],
  ['an unknown type', MINIMAL.replace('"docker"', '"vmware"')],
  ['no backend', API],
  ['a secret in no known form', MINIMAL.replace(/(agent_secret_key = ).*/, '$1{ path = "/k" }')],
])('it refuses %s', (_what, text) => {
  expect(judge(text)).not.toEqual([]);
});
