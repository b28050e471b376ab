import type { ParamRule, Personality, PropertyRules } from './call.ts';
import { formatError } from './formats.ts';
import { parseProperties } from './properties.ts';

/** What is wrong with one value, in PVE's words and with its line breaks; undefined when nothing is. `name` is for nested texts. */
export function ruleError(rule: ParamRule, value: string, name: string, personality: Personality): string | undefined {
  if (!isOfType(rule.type, value)) return `type check ('${rule.type}') failed - got '${value}'`;
  const invalid =
    (rule.format === undefined ? undefined : formatError(rule.format, value, personality)) ??
    (rule.properties === undefined ? undefined : propertiesError(rule.properties, value, name, personality));
  if (invalid !== undefined) return `invalid format - ${invalid}\n`;
  if (rule.pattern && !new RegExp(`^(?:${rule.pattern.source})$`, rule.pattern.flags).test(value)) {
    return 'value does not match the regex pattern';
  }
  const { length } = value;
  if (rule.maxLength !== undefined && length > rule.maxLength) {
    return `value may only be ${rule.maxLength} characters long`;
  }
  if (rule.minLength !== undefined && length < rule.minLength) {
    return `value must be at least ${rule.minLength} characters long`;
  }
  if (rule.type === 'integer' || rule.type === 'number') {
    if (rule.maximum !== undefined && Number(value) > rule.maximum) {
      return `value must have a maximum value of ${rule.maximum}`;
    }
    if (rule.minimum !== undefined && Number(value) < rule.minimum) {
      return `value must have a minimum value of ${rule.minimum}`;
    }
  }
  if (rule.enum && !rule.enum.includes(value)) {
    return `value '${value}' does not have a value in the enumeration '${rule.enum.join(', ')}'`;
  }
  return rule.check?.(value, personality);
}

/** What PVE says of a property string after `invalid format - `; undefined when it is fine. `name` is the parameter's. */
function propertiesError(
  rules: PropertyRules,
  text: string,
  name: string,
  personality: Personality,
): string | undefined {
  let found: Map<string, string>;
  try {
    found = parseProperties(rules, text);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const errors: string[] = [];
  for (const [key, rule] of Object.entries(rules)) {
    const value = found.get(key);
    if (value !== undefined) {
      const error = ruleError(rule, value, `${name}.${key}`, personality);
      if (error !== undefined) errors.push(`${name}.${key}: ${error}\n`);
    } else if (!rule.optional && rule.alias === undefined) {
      errors.push(`${name}.${key}: property is missing and it is not optional\n`);
    }
  }
  return errors.length === 0 ? undefined : `format error\n${errors.toSorted().join('')}`.replace(/\n$/, '');
}

function isOfType(type: ParamRule['type'], value: string): boolean {
  switch (type) {
    case 'integer':
      return /^[+-]?\d+$/.test(value);
    case 'number':
      return /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/.test(value);
    case 'boolean':
      return value === '0' || value === '1';
    default:
      return true;
  }
}
