import { isDeepStrictEqual } from 'node:util';
import { parse } from 'smol-toml';
import { parseDocument } from '../../../config/document.ts';
import type { KeyPath } from '../../../config/locate.ts';
import { formatPath } from '../../../config/report.ts';
import { isTable, valueAt } from '../../../config/tables.ts';
import { Failure } from '../../failure.ts';

/** One value of the configuration, and what it is to be, as TOML. */
export interface Replacement {
  readonly path: KeyPath;
  readonly toml: string;
}

export interface ReplacedText {
  readonly text: string;
  /** What stood in the place of each, as TOML, in the order given. */
  readonly were: readonly string[];
}

/**
 * Puts values in the place of others and leaves everything else in the file as it was, comments and order included. The result is
 * read again, and means the same but for these values; where a value is written in a way that this cannot do, it says what to write.
 */
export function replaceValues(text: string, file: string, replacements: readonly Replacement[]): ReplacedText {
  const expected = parseDocument(text, file).content;
  let result = text;
  const were: string[] = [];
  for (const { path, toml } of replacements) {
    const span = findValue(result, file, path);
    if (span === undefined) throw byHand(file, path, toml);
    were.push(result.slice(span.start, span.end));
    result = `${result.slice(0, span.start)}${toml}${result.slice(span.end)}`;
    put(expected, path, parse(`v = ${toml}`)['v']);
  }
  const [first] = replacements;
  if (first !== undefined && !isDeepStrictEqual(parseDocument(result, file).content, expected)) {
    throw byHand(file, first.path, first.toml);
  }
  return { text: result, were };
}

const KEY = String.raw`(?:[A-Za-z0-9_-]+|"[^"\\\n]*"|'[^'\n]*')`;
/** On one line: what begins with three quotes ends somewhere below. */
const TEXT = String.raw`(?!"""|''')(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*')`;
/** A text, or an inline table of one text: the ways in which a secret is written on one line. */
const ASSIGNMENT = new RegExp(
  String.raw`^(${KEY}(?:[ \t]*\.[ \t]*${KEY})*[ \t]*=[ \t]*)(${TEXT}|\{[ \t]*${KEY}[ \t]*=[ \t]*${TEXT}[ \t]*\})`,
);

function findValue(text: string, file: string, path: KeyPath): { start: number; end: number } | undefined {
  const place = parseDocument(text, file).locator.find(path);
  if (place === undefined) return undefined;
  // The locator does not count a byte order mark.
  const mark = text.startsWith('\uFEFF') ? 1 : 0;
  let line = mark;
  for (let n = 1; n < place.line; n++) line = text.indexOf('\n', line) + 1;
  const key = line + place.column - 1;
  const [, before = '', value] = ASSIGNMENT.exec(text.slice(key)) ?? [];
  if (value === undefined) return undefined;
  const start = key + before.length;
  return { start, end: start + value.length };
}

function put(document: unknown, path: KeyPath, value: unknown): void {
  const holder = valueAt(document, path.slice(0, -1));
  const last = path.at(-1);
  if (isTable(holder) && typeof last === 'string') holder[last] = value;
  else if (Array.isArray(holder) && typeof last === 'number') holder[last] = value;
}

function byHand(file: string, path: KeyPath, toml: string): Failure {
  return new Failure({
    what: `${formatPath(path)} in ${file} is written in a way that cannot be changed from here`,
    next: 'Write it yourself, then run the command again:',
    command: `${String(path.at(-1))} = ${toml}`,
  });
}
