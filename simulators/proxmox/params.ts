import type { RawParams } from './body.ts';
import { badParameters, type ParamRule, type Params, type ParamValue, type Personality } from './call.ts';
import { splitList } from './formats.ts';
import { ruleError } from './values.ts';

type Rules = Readonly<Record<string, ParamRule>>;

/**
 * Checks the parameters of one call against the rules of its endpoint, as a host does: all errors at once, per parameter.
 *
 * @throws PveRefusal 400 `Parameter verification failed.`
 */
export function checkParams(rules: Rules, raw: RawParams, personality: Personality): Params {
  const errors: Record<string, string> = {};
  const values = new Map<string, ParamValue>();
  for (const [name, value] of raw) {
    const rule = ruleOf(rules, name, personality);
    if (!rule) {
      errors[name] = 'property is not defined in schema and the schema does not allow additional properties';
      continue;
    }
    const error = valueError(rule, value, name, personality);
    if (error !== undefined) errors[name] = error;
    else if (rule.requires !== undefined && !raw.has(rule.requires)) {
      errors[rule.requires] = missing(name, personality);
    } else values.set(name, typed(rule, value));
  }
  for (const [name, rule] of Object.entries(rules)) {
    if (rule.only !== undefined && rule.only !== personality) continue;
    if (!rule.optional && !name.endsWith('[n]') && !raw.has(name)) {
      errors[name] = 'property is missing and it is not optional';
    }
  }
  if (Object.keys(errors).length > 0) throw badParameters(errors);
  return reader(values);
}

function missing(name: string, personality: Personality): string {
  return personality === '9.1'
    ? `missing property required by '${name}'`
    : `missing property - '${name}' requires this property`;
}

/** The rule of a parameter in this personality; numbered ones (`net0`) have that of their kind (`net[n]`). */
export function ruleOf(rules: Rules, name: string, personality: Personality): ParamRule | undefined {
  const [, stem, number] = /^([a-z]+)(\d+)$/.exec(name) ?? [];
  const numbered = stem === undefined ? undefined : rules[`${stem}[n]`];
  const rule = Object.hasOwn(rules, name) ? rules[name] : fits(numbered, number) ? numbered : undefined;
  if (!rule || (rule.only !== undefined && rule.only !== personality)) return undefined;
  const special = rule.in?.[personality];
  return special ? { ...rule, ...special } : rule;
}

function fits(rule: ParamRule | undefined, number: string | undefined): boolean {
  return number === String(Number(number)) && Number(number) < (rule?.count ?? 32);
}

function valueError(
  rule: ParamRule,
  value: string | readonly string[],
  name: string,
  personality: Personality,
): string | undefined {
  if (typeof value === 'string') {
    return rule.type === 'array'
      ? itemsError(rule, [value], name, personality)
      : ruleError(rule, value, name, personality);
  }
  if (rule.type === 'array') return itemsError(rule, value, name, personality);
  // A name that was repeated; a list format takes that as a list.
  if (rule.format?.endsWith('-list')) return ruleError(rule, value.join(','), name, personality);
  return `type check ('${rule.type}') failed - got ARRAY`;
}

function itemsError(
  rule: ParamRule,
  values: readonly string[],
  name: string,
  personality: Personality,
): string | undefined {
  for (const [index, value] of values.entries()) {
    const error = ruleError({ ...rule, type: 'string' }, value, `${name}[${index}]`, personality);
    if (error !== undefined) return error;
  }
  return undefined;
}

function typed(rule: ParamRule, value: string | readonly string[]): ParamValue {
  if (rule.type === 'array') return typeof value === 'string' ? [value] : value;
  const text = typeof value === 'string' ? value : value.join(',');
  if (rule.type === 'integer' || rule.type === 'number') return Number(text);
  return rule.type === 'boolean' ? text === '1' : text;
}

function reader(values: ReadonlyMap<string, ParamValue>): Params {
  const get = <T extends ParamValue>(name: string, is: (value: ParamValue) => value is T): T => {
    const value = values.get(name);
    if (value === undefined || !is(value))
      throw new Error(`the endpoint reads '${name}' as what its rule does not make it`);
    return value;
  };
  return {
    has: (name) => values.has(name),
    text: (name) => get(name, isText),
    textOr: (name, otherwise) => (values.has(name) ? get(name, isText) : otherwise),
    int: (name) => get(name, isNumber),
    intOr: (name, otherwise) => (values.has(name) ? get(name, isNumber) : otherwise),
    flag: (name, otherwise = false) => (values.has(name) ? get(name, isBoolean) : otherwise),
    list(name) {
      const value = values.get(name);
      if (value === undefined) return [];
      return typeof value === 'string' ? splitList(value) : get(name, isList);
    },
    entries: () => [...values],
  };
}

function isText(value: ParamValue): value is string {
  return typeof value === 'string';
}

function isNumber(value: ParamValue): value is number {
  return typeof value === 'number';
}

function isBoolean(value: ParamValue): value is boolean {
  return typeof value === 'boolean';
}

function isList(value: ParamValue): value is readonly string[] {
  return typeof value === 'object';
}
