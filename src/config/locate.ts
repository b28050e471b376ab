/** Names and indices from the top of the document. */
export type KeyPath = readonly (string | number)[];

/** Counted from 1, columns in UTF-16 units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface KeyLocator {
  /** How many keys, tables and elements were found. */
  readonly size: number;
  /** Where the key, the table's header or the array's element is written; undefined when it is not in the document. */
  find(path: KeyPath): Position | undefined;
  /** The same for the longest part of the path that is written; 1:1 when no part of it is. */
  nearest(path: KeyPath): Position;
}

/**
 * Finds where each key of a TOML document stands: the parser does not tell, and an error without a line is half an error.
 * The text must be one that the parser accepted. Other texts do no harm, yet positions in them mean nothing.
 */
export function locateKeys(text: string): KeyLocator {
  const offsets = scan(text);
  const lines = lineStarts(text);
  const find = (path: KeyPath): Position | undefined => {
    const offset = offsets.get(idOf(path))?.offset;
    return offset === undefined ? undefined : positionOf(lines, offset);
  };
  return {
    size: offsets.size,
    find,
    nearest(path) {
      for (let length = path.length; length > 0; length--) {
        const position = find(path.slice(0, length));
        if (position !== undefined) return position;
      }
      return { line: 1, column: 1 };
    },
  };
}

type Note = (path: KeyPath, offset: number, own: boolean) => void;

/** `own`: written for its own sake, and not only on the way to something inside it. */
function scan(text: string): Map<string, { offset: number; own: boolean }> {
  const found = new Map<string, { offset: number; own: boolean }>();
  const note: Note = (path, offset, own) => {
    const id = idOf(path);
    const before = found.get(id);
    if (before === undefined || (own && !before.own)) found.set(id, { offset, own });
  };
  const lengths = new Map<string, number>();
  let table: KeyPath = [];
  let at = skipVoid(text, text.charCodeAt(0) === 0xfeff ? 1 : 0);
  while (at < text.length) {
    const start = at;
    if (text[at] === '[') {
      const many = text[at + 1] === '[';
      const key = readKey(text, at + (many ? 2 : 1));
      table = enterTable(key.parts, many, lengths, note);
      at = key.end + (many ? 2 : 1);
    } else {
      at = scanPair(text, at, table, note);
    }
    at = skipVoid(text, at);
    // Only a text that is not TOML gets us here; stopping claims nothing about the rest.
    if (at <= start) break;
  }
  return found;
}

/** A header's names, with the current element's index behind each array of tables on the way. */
function enterTable(parts: readonly Part[], many: boolean, lengths: Map<string, number>, note: Note): KeyPath {
  const path: (string | number)[] = [];
  for (const [i, part] of parts.entries()) {
    const last = i === parts.length - 1;
    path.push(part.name);
    note(path, part.offset, last);
    const length = lengths.get(idOf(path));
    if (last && many) {
      path.push(length ?? 0);
      lengths.set(idOf(path.slice(0, -1)), (length ?? 0) + 1);
      note(path, part.offset, true);
    } else if (length !== undefined) {
      path.push(length - 1);
    }
  }
  return path;
}

function scanPair(text: string, from: number, table: KeyPath, note: Note): number {
  const key = readKey(text, from);
  let path = table;
  for (const [i, part] of key.parts.entries()) {
    path = [...path, part.name];
    note(path, part.offset, i === key.parts.length - 1);
  }
  return scanValue(text, skipBlank(text, key.end + 1), path, note);
}

function scanValue(text: string, at: number, path: KeyPath, note: Note): number {
  switch (text[at]) {
    case '"':
    case "'":
      return endOfString(text, at);
    case '[':
      return scanItems(text, at, ']', (from, index) => {
        note([...path, index], from, true);
        return scanValue(text, from, [...path, index], note);
      });
    case '{':
      return scanItems(text, at, '}', (from) => scanPair(text, from, path, note));
    default:
      return endOfScalar(text, at);
  }
}

function scanItems(
  text: string,
  open: number,
  close: string,
  scanItem: (from: number, index: number) => number,
): number {
  let at = skipVoid(text, open + 1);
  for (let index = 0; at < text.length && text[at] !== close; index++) {
    const end = skipVoid(text, scanItem(at, index));
    if (end <= at) return text.length;
    at = text[end] === ',' ? skipVoid(text, end + 1) : end;
  }
  return at + 1;
}

function endOfScalar(text: string, from: number): number {
  let at = from;
  while (at < text.length && !'\r\n,]}#'.includes(text.charAt(at))) at++;
  return at;
}

function endOfString(text: string, from: number): number {
  const quote = text.charAt(from);
  const fence = quote.repeat(3);
  const long = text.startsWith(fence, from);
  let at = from + (long ? 3 : 1);
  while (at < text.length && !text.startsWith(long ? fence : quote, at))
    at += quote === '"' && text[at] === '\\' ? 2 : 1;
  if (!long) return at + 1;
  at += 3;
  // One or two quotes in front of the closing three belong to the string.
  for (let extra = 0; extra < 2 && text[at] === quote; extra++) at++;
  return at;
}

interface Part {
  readonly name: string;
  readonly offset: number;
}

/** A dotted key; `end` is the offset of what follows it: `=` or `]`. */
function readKey(text: string, from: number): { parts: Part[]; end: number } {
  const parts: Part[] = [];
  let at = from;
  for (;;) {
    const offset = skipBlank(text, at);
    const quoted = text[offset] === '"' || text[offset] === "'";
    at = quoted ? endOfString(text, offset) : endOfBareKey(text, offset);
    parts.push({ name: quoted ? unquote(text.slice(offset, at)) : text.slice(offset, at), offset });
    at = skipBlank(text, at);
    if (text[at] !== '.') return { parts, end: at };
    at++;
  }
}

function endOfBareKey(text: string, from: number): number {
  let at = from;
  while (at < text.length && /[A-Za-z0-9_-]/.test(text.charAt(at))) at++;
  return at;
}

const ESCAPES: Record<string, string> = {
  b: '\b',
  t: '\t',
  n: '\n',
  f: '\f',
  r: '\r',
  e: '\x1b',
  '"': '"',
  '\\': '\\',
};

function unquote(raw: string): string {
  const inner = raw.slice(1, -1);
  if (raw.startsWith("'")) return inner;
  return inner.replace(
    /\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))/g,
    (whole, x, u, long, plain) => {
      const digits: unknown = x ?? u ?? long;
      if (typeof digits !== 'string') return ESCAPES[String(plain)] ?? whole;
      const point = Number.parseInt(digits, 16);
      return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
    },
  );
}

function skipBlank(text: string, from: number): number {
  let at = from;
  while (text[at] === ' ' || text[at] === '\t') at++;
  return at;
}

/** Past spaces, line ends and comments. */
function skipVoid(text: string, from: number): number {
  let at = from;
  for (;;) {
    while (at < text.length && ' \t\r\n'.includes(text.charAt(at))) at++;
    if (text[at] !== '#') return at;
    while (at < text.length && text[at] !== '\n') at++;
  }
}

function idOf(path: KeyPath): string {
  return JSON.stringify(path);
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

function positionOf(lines: readonly number[], offset: number): Position {
  let low = 0;
  let high = lines.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((lines[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: offset - (lines[low] ?? 0) + 1 };
}
