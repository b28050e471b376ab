import type { z } from 'zod';
import type { KeyPath } from './locate.ts';
import { keysAt, TABLES } from './reference.ts';
import { formatKey, formatPath, type Report, UNKNOWN_KEY } from './report.ts';
import { closest } from './suggest.ts';
import { valueAt } from './tables.ts';

type Issue = z.core.$ZodIssue;

/**
 * Puts a schema's complaints about `value` into the report, in words for an operator and without any of the file's values.
 * `toDocument` turns a path inside the value into the path in the file.
 */
export function reportIssues(
  report: Report,
  schema: z.ZodType,
  value: unknown,
  issues: readonly Issue[],
  toDocument: (path: KeyPath) => KeyPath,
): void {
  for (const issue of issues) {
    const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
    if (issue.code === 'unrecognized_keys') {
      const known = keysAt(schema, path);
      for (const key of issue.keys) reportUnknownKey(report, toDocument([...path, key]), known);
    } else {
      const found = valueAt(value, path);
      const [message, more = {}] = describe(issue, found);
      const hint = found === undefined ? HOW_TO_GET[formatPath(toDocument(path))] : undefined;
      report.problem(toDocument(path), message, hint === undefined ? more : { ...more, suggestion: hint });
    }
  }
}

/** What no operator has at hand. */
const HOW_TO_GET: Readonly<Record<string, string>> = {
  'api.provider_pubkey': 'dc-agent setup token finds it out',
  'api.agent_secret_key': 'dc-agent setup token makes one',
};

/** `known`: what may stand in its place. */
export function reportUnknownKey(report: Report, path: KeyPath, known: readonly string[]): void {
  const key = String(path.at(-1));
  const home = Object.entries(TABLES).find(([, schema]) => keysAt(schema, []).includes(key))?.[0];
  const meant = closest(key, known);
  if (home !== undefined) report.problem(path, UNKNOWN_KEY, { suggestion: `it belongs in [${home}]` });
  else if (meant !== undefined) report.problem(path, UNKNOWN_KEY, { suggestion: `did you mean ${formatKey(meant)}?` });
  else report.problem(path, UNKNOWN_KEY);
}

type Description = [message: string, more?: { expected?: string; suggestion?: string }];

function describe(issue: Issue, found: unknown): Description {
  if (found === undefined && issue.code !== 'custom') {
    return ['is missing', expectedBy(issue)];
  }
  switch (issue.code) {
    case 'invalid_type':
      return [`is ${kindOf(found)}`, expectedBy(issue)];
    case 'invalid_value': {
      const options = issue.values.map(String);
      const meant = typeof found === 'string' ? closest(found, options) : undefined;
      return [
        'is none of the possible values',
        { ...expectedBy(issue), ...(meant && { suggestion: `did you mean ${meant}?` }) },
      ];
    }
    case 'too_small':
      return ['is too small', expectedBy(issue)];
    case 'too_big':
      return ['is too large', expectedBy(issue)];
    case 'invalid_union':
      return [typeof found === 'string' ? 'does not fit' : `is ${kindOf(found)}`, expectedBy(issue)];
    default:
      return [issue.message];
  }
}

function expectedBy(issue: Issue): { expected?: string } {
  switch (issue.code) {
    case 'invalid_type':
      return { expected: TYPE_WORDS[issue.expected] ?? issue.expected };
    case 'invalid_value':
      return { expected: `one of ${issue.values.map(String).join(', ')}` };
    case 'too_small':
      return {
        expected: `${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}${unitOf(issue.origin)}`,
      };
    case 'too_big':
      return {
        expected: `${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}${unitOf(issue.origin)}`,
      };
    default:
      // A union's message says what it expects; so do our own.
      return issue.message.startsWith('expected ') ? { expected: issue.message.slice('expected '.length) } : {};
  }
}

const TYPE_WORDS: Record<string, string> = {
  string: 'a text in quotes',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a table',
  record: 'a table',
};

function unitOf(origin: string): string {
  if (origin === 'string') return ' characters';
  return origin === 'array' || origin === 'set' ? ' entries' : '';
}

function kindOf(value: unknown): string {
  if (typeof value === 'string') return 'a text';
  if (typeof value === 'number' && !Number.isFinite(value)) return 'not a finite number';
  if (typeof value === 'number') return Number.isInteger(value) ? 'a whole number' : 'a number with a fraction';
  if (typeof value === 'boolean') return 'true or false';
  if (Array.isArray(value)) return 'a list';
  return value instanceof Date ? 'a date' : 'a table';
}
