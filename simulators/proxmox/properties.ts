import type { PropertyRules } from './call.ts';

/**
 * Reads a property string (`virtio=BC:…,bridge=vmbr0`) as PVE does: a value without a key belongs to the default
 * property, an alias to the property it stands for.
 *
 * @throws Error with PVE's words, without a line break, when it breaks its rules
 */
export function parseProperties(rules: PropertyRules, text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const part of text.split(',')) {
    if (part.trim() === '') continue;
    const [, rawKey, value] = /^([^=]+)=(.+)$/s.exec(part) ?? [];
    if (rawKey !== undefined && value !== undefined) {
      if (found.has(rawKey)) throw new Error(`duplicate key in comma-separated list property: ${rawKey}`);
      setKeyed(rules, found, rawKey, value);
    } else if (part.includes('=')) {
      throw new Error('missing key in comma-separated list property');
    } else {
      setDefault(rules, found, part);
    }
  }
  return found;
}

/** Writes properties in the order of their rules, the default one first and without its key, as PVE prints them. */
export function printProperties(rules: PropertyRules, values: ReadonlyMap<string, string>): string {
  const names = Object.keys(rules).filter((name) => values.has(name));
  const first = names.filter((name) => rules[name]?.isDefault);
  const rest = names.filter((name) => !rules[name]?.isDefault).toSorted();
  return [...first.map((name) => values.get(name)), ...rest.map((name) => `${name}=${values.get(name)}`)].join(',');
}

function setKeyed(rules: PropertyRules, found: Map<string, string>, rawKey: string, value: string): void {
  const rule = rules[rawKey];
  const key = rule?.alias ?? rawKey;
  if (rule?.keyAlias !== undefined) {
    if (found.has(rule.keyAlias)) throw new Error(`key alias '${rule.keyAlias}' is already defined`);
    found.set(rule.keyAlias, rawKey);
  }
  const meant = rules[key];
  if (!meant) throw new Error(`invalid key in comma-separated list property: ${rawKey}`);
  found.set(key, meant.type === 'boolean' ? asBoolean(value) : value);
}

function setDefault(rules: PropertyRules, found: Map<string, string>, value: string): void {
  const key = Object.keys(rules).find((name) => rules[name]?.isDefault);
  if (key === undefined) throw new Error('value without key, but schema does not define a default key');
  if (found.has(key)) throw new Error(`duplicate key in comma-separated list property: ${key}`);
  const alias = rules[key]?.alias;
  found.set(alias ?? key, rules[key]?.type === 'boolean' ? asBoolean(value) : value);
}

/** Inside a property string PVE takes words for booleans, outside it does not. */
function asBoolean(value: string): string {
  if (/^(1|on|yes|true)$/i.test(value)) return '1';
  if (/^(0|off|no|false)$/i.test(value)) return '0';
  return value;
}
