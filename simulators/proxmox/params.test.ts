import { describe, expect, it } from 'vitest';
import { accessEndpoints } from './access/index.ts';
import { parseForm, parseJson } from './body.ts';
import type { Endpoint, ParamRule, Permission, Personality } from './call.ts';
import { PveRefusal } from './call.ts';
import { clusterEndpoints } from './cluster/index.ts';
import { checkParams } from './params.ts';
import { qemuEndpoints } from './qemu/index.ts';
import { storageEndpoints } from './storage/index.ts';
import { isThere, specification, WHY_SKIPPED } from './test/recordings.ts';

const RULES: Record<string, ParamRule> = {
  vmid: { type: 'integer', format: 'pve-vmid', minimum: 100, maximum: 999_999_999 },
  name: { type: 'string', optional: true, format: 'dns-name' },
  flag: { type: 'boolean', optional: true },
  size: { type: 'string', optional: true, pattern: /\+?\d+(\.\d+)?[KMGT]?/ },
  kind: { type: 'string', optional: true, enum: ['one', 'two'] },
  text: { type: 'string', optional: true, minLength: 2, maxLength: 4 },
  command: { type: 'array', optional: true },
  wants: { type: 'string', optional: true, requires: 'kind' },
  'net[n]': {
    type: 'string',
    optional: true,
    count: 2,
    properties: {
      model: { type: 'string', optional: true, enum: ['virtio', 'e1000'], isDefault: true },
      bridge: { type: 'string', optional: true, format: 'pve-bridge-id' },
      firewall: { type: 'boolean', optional: true },
    },
  },
};

function errorsOf(form: string, personality: Personality = '9.1'): Readonly<Record<string, string>> | undefined {
  try {
    checkParams(RULES, parseForm(form), personality);
    return undefined;
  } catch (error) {
    if (error instanceof PveRefusal && error.status === 400) return error.errors;
    throw error;
  }
}

describe('parameters', () => {
  it('are read by their types', () => {
    const params = checkParams(RULES, parseForm('vmid=101&flag=1&name=a.b&command=sh&command=-c&net1=virtio'), '9.1');
    expect([params.int('vmid'), params.flag('flag'), params.text('name')]).toEqual([101, true, 'a.b']);
    expect([params.list('command'), params.has('net1'), params.flag('none', true)]).toEqual([['sh', '-c'], true, true]);
    expect(() => params.text('vmid')).toThrow("'vmid'");
  });

  it.each([
    ['', { vmid: 'property is missing and it is not optional' }],
    ['vmid=abc', { vmid: "type check ('integer') failed - got 'abc'" }],
    ['vmid=99', { vmid: 'invalid format - value does not look like a valid VM ID\n' }],
    ['vmid=101&flag=true', { flag: "type check ('boolean') failed - got 'true'" }],
    ['vmid=101&size=10GB', { size: 'value does not match the regex pattern' }],
    ['vmid=101&kind=three', { kind: "value 'three' does not have a value in the enumeration 'one, two'" }],
    ['vmid=101&text=x', { text: 'value must be at least 2 characters long' }],
    ['vmid=101&text=xxxxx', { text: 'value may only be 4 characters long' }],
    ['vmid=101&wants=x', { kind: "missing property required by 'wants'" }],
    [
      'vmid=101&net0=e999',
      {
        net0: "invalid format - format error\nnet0.model: value 'e999' does not have a value in the enumeration 'virtio, e1000'\n",
      },
    ],
    [
      'vmid=101&net0=virtio%2Cspeed%3D1',
      { net0: 'invalid format - invalid key in comma-separated list property: speed\n' },
    ],
    [
      'vmid=101&net2=virtio',
      { net2: 'property is not defined in schema and the schema does not allow additional properties' },
    ],
  ])('are refused as a real host refuses %o', (form, errors) => {
    expect(errorsOf(form)).toEqual(errors);
  });

  it('are all complained about at once', () => {
    expect(Object.keys(errorsOf('bogus=1&flag=2') ?? {}).toSorted()).toEqual(['bogus', 'flag', 'vmid']);
  });

  it('in a form end at a raw semicolon, and their values at a second raw equals sign', () => {
    expect([...parseForm('boot=order=scsi0&tags=a;b&x=%2B+1')]).toEqual([
      ['boot', 'order'],
      ['tags', 'a'],
      ['b', ''],
      ['x', '+ 1'],
    ]);
  });

  it('in JSON may be booleans, numbers and lists, but never null', () => {
    expect([...parseJson('{"a":true,"b":false,"c":5,"d":["x",1]}')]).toEqual([
      ['a', '1'],
      ['b', '0'],
      ['c', '5'],
      ['d', ['x', '1']],
    ]);
    expect(() => parseJson('{"memory":null}')).toThrow("unable to parse value of 'memory' - got undefined value");
    expect(() => parseJson('{bad')).toThrow('at character offset 1 (before "bad")');
  });
});

interface Schema {
  readonly paths: Readonly<Record<string, Readonly<Record<string, SchemaMethod>>>>;
}

interface SchemaMethod {
  readonly parameters?: { readonly properties?: Readonly<Record<string, SchemaRule>> };
  readonly permissions?: { readonly user?: string; readonly check?: unknown };
  readonly protected?: number;
  readonly allowtoken?: number;
}

interface SchemaRule {
  readonly type?: string;
  readonly optional?: number | string;
  readonly enum?: readonly string[] | null;
  readonly minimum?: number | string;
  readonly maximum?: number | string;
  readonly minLength?: number | string;
  readonly maxLength?: number | string;
  readonly format?: unknown;
  readonly pattern?: string;
}

/** Parameters of a real host that are not played: they are refused as unknown. */
const NOT_PLAYED: readonly RegExp[] = [
  // A storage has dozens of settings of its kind; only its content and its being on or off are changed here.
  /^PUT \/storage\/\{storage\} /,
  /^PUT \/cluster\/options /,
];

/** Property strings that are taken as they come: hardware that no machine of a marketplace has. */
const NOT_LOOKED_INTO =
  /qemu.* (audio0|ivshmem|machine|numa\[n\]|spice_enhancements|unused\[n\]|usb\[n\]|vga|virtiofs\[n\])$/;

const endpoints = [...accessEndpoints, ...clusterEndpoints, ...storageEndpoints, ...qemuEndpoints];

const there = isThere('pve-api-schema-9.1.json');

describe.skipIf(!there)(`what the official schema says${there ? '' : ` (${WHY_SKIPPED})`}`, () => {
  it.each(['8.4', '9.1'] as const)('of every endpoint that is served as %s, the simulator says too', (personality) => {
    const schema = specification(`pve-api-schema-${personality}.json`) as Schema;
    const differences = endpoints
      .filter(isOf(personality))
      .flatMap((endpoint) => differencesOf(endpoint, schema.paths[endpoint.path]?.[endpoint.method], personality));
    expect(differences).toEqual([]);
  });

  it.each(['8.4', '9.1'] as const)('of what %s does not serve is nothing', (personality) => {
    const schema = specification(`pve-api-schema-${personality}.json`) as Schema;
    const own = endpoints.filter(isOf(personality));
    const names = endpoints
      .filter((endpoint) => !isOf(personality)(endpoint))
      .filter(({ path, method }) => schema.paths[path]?.[method] !== undefined)
      // What both have under other rules is there twice.
      .filter(({ path, method }) => !own.some((one) => one.path === path && one.method === method))
      .map(({ path, method }) => `${method} ${path}`);
    expect(names).toEqual([]);
  });
});

function isOf(personality: Personality): (endpoint: Endpoint) => boolean {
  return ({ only }) => only === undefined || only === personality;
}

function differencesOf(endpoint: Endpoint, official: SchemaMethod | undefined, personality: Personality): string[] {
  const name = `${endpoint.method} ${endpoint.path}`;
  if (!official) return [`${name} is no endpoint`];
  const properties = official.parameters?.properties ?? {};
  const wanted = new Set(Object.keys(properties));
  const found: string[] = [];
  for (const [parameter, rule] of Object.entries(endpoint.params)) {
    if (rule.only !== undefined && rule.only !== personality) continue;
    const theirs = properties[parameter];
    wanted.delete(parameter);
    if (!theirs) found.push(`${name} ${parameter} is no parameter`);
    else found.push(...ruleDifferences(`${name} ${parameter}`, { ...rule, ...rule.in?.[personality] }, theirs));
  }
  for (const missing of wanted) {
    const full = `${name} ${missing}`;
    if (!NOT_PLAYED.some((pattern) => pattern.test(full))) found.push(`${full} is missing`);
  }
  if ((official.protected === 1) !== (endpoint.protected === true)) found.push(`${name} protected`);
  if ((official.allowtoken === 0) !== (endpoint.noToken === true)) found.push(`${name} allowtoken`);
  const permission = permissionOf(endpoint.permission);
  const theirs = officialPermission(official);
  if (JSON.stringify(permission) !== JSON.stringify(theirs)) {
    found.push(`${name} permission ${JSON.stringify(permission)} instead of ${JSON.stringify(theirs)}`);
  }
  return found;
}

function ruleDifferences(name: string, rule: ParamRule, theirs: SchemaRule): string[] {
  const found: string[] = [];
  const same = (what: string, own: unknown, other: unknown): void => {
    if (JSON.stringify(own) !== JSON.stringify(other)) {
      found.push(`${name} ${what} ${JSON.stringify(own)} instead of ${JSON.stringify(other)}`);
    }
  };
  same('type', rule.type, theirs.type);
  same('optional', rule.optional === true, Number(theirs.optional ?? 0) === 1);
  if (theirs.enum) same('enum', rule.enum?.toSorted(), theirs.enum.toSorted());
  for (const bound of ['minimum', 'maximum', 'minLength', 'maxLength'] as const) {
    const value = theirs[bound];
    same(bound, rule[bound], value === undefined ? undefined : Number(value));
  }
  if (typeof theirs.format === 'string' && theirs.enum === undefined && !rule.properties && !rule.check) {
    same('format', rule.format, theirs.format);
  }
  if (typeof theirs.format === 'object' && !NOT_LOOKED_INTO.test(name))
    same('properties', Object.keys(rule.properties ?? {}).length > 0, true);
  same('has a pattern', rule.pattern !== undefined, theirs.pattern !== undefined);
  return found;
}

/** In the schema's form. */
function permissionOf(permission: Permission | undefined): unknown {
  if (permission === undefined) return undefined;
  if (typeof permission === 'string') return { user: permission };
  return { check: permission };
}

function officialPermission({ permissions }: SchemaMethod): unknown {
  if (!permissions) return undefined;
  return permissions.user === undefined ? { check: rewritten(permissions.check) } : { user: permissions.user };
}

/** The schema says `any` and `require_param` as pairs, and the groups of a user that is created are no groups yet. */
function rewritten(check: unknown): unknown {
  if (!Array.isArray(check)) return check;
  const [kind, ...rest] = check as [string, ...unknown[]];
  if (kind === 'perm' && rest[2] === 'any') return ['perm', rest[0], rest[1], 'any'];
  if (kind === 'perm' && rest[2] === 'require_param') return ['perm-if', rest[3], rest[0], rest[1]];
  if (kind === 'userid-group' && rest[1] === 'groups_param') {
    return rest[2] === 'create' ? ['perm', '/access/groups', rest[0]] : ['userid-group', rest[0]];
  }
  return [kind, ...rest.map(rewritten)];
}
