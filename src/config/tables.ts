import type { KeyPath } from './locate.ts';

export type Table = Record<string, unknown>;

/** True for a TOML table; dates and lists are objects too. */
export function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** What stands at a path; undefined when nothing does. */
export function valueAt(value: unknown, path: KeyPath): unknown {
  let current = value;
  for (const part of path) {
    if (typeof part === 'number') current = Array.isArray(current) ? current[part] : undefined;
    else current = isTable(current) && Object.hasOwn(current, part) ? current[part] : undefined;
  }
  return current;
}

/** Visits every value that is neither a table nor a list. */
export function eachValue(value: unknown, visit: (path: KeyPath, value: unknown) => void, path: KeyPath = []): void {
  if (Array.isArray(value)) for (const [i, item] of value.entries()) eachValue(item, visit, [...path, i]);
  else if (isTable(value)) for (const [key, item] of Object.entries(value)) eachValue(item, visit, [...path, key]);
  else visit(path, value);
}
