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
  const root = scan(text);
  const lines = lineStarts(text);
  const position = (node: Node): Position => positionOf(lines, node.offset);
  return {
    size: count(root) - 1,
    find(path) {
      const node = path.length === 0 ? undefined : deepest(root, path);
      return node === undefined || node.depth < path.length ? undefined : position(node);
    },
    nearest(path) {
      const node = deepest(root, path);
      return node === root ? { line: 1, column: 1 } : position(node);
    },
  };
}

/** A key, a table or an element. A tree, because paths as text would make the work grow with the square of a hostile file. */
interface Node {
  readonly depth: number;
  offset: number;
  /** Written for its own sake, and not only on the way to something inside it. */
  own: boolean;
  /** How many tables an array of tables has so far. */
  tables: number;
  children?: Map<string | number, Node>;
}

function newNode(depth: number, offset: number, own: boolean): Node {
  return { depth, offset, own, tables: 0 };
}

/** The child of that name, made when it is not there yet; its own place wins over a mention on the way. */
function note(parent: Node, name: string | number, offset: number, own: boolean): Node {
  parent.children ??= new Map();
  const known = parent.children.get(name);
  if (known === undefined) {
    const node = newNode(parent.depth + 1, offset, own);
    parent.children.set(name, node);
    return node;
  }
  if (own && !known.own) [known.offset, known.own] = [offset, true];
  return known;
}

function deepest(root: Node, path: KeyPath): Node {
  let node = root;
  for (const part of path) {
    const child = node.children?.get(part);
    if (child === undefined) return node;
    node = child;
  }
  return node;
}

function count(root: Node): number {
  let total = 0;
  const open = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    total++;
    for (const child of node.children?.values() ?? []) open.push(child);
  }
  return total;
}

function scan(text: string): Node {
  const root = newNode(0, 0, true);
  let table = root;
  let at = skipVoid(text, text.charCodeAt(0) === 0xfeff ? 1 : 0);
  while (at < text.length) {
    const start = at;
    if (text[at] === '[') {
      const many = text[at + 1] === '[';
      const key = readKey(text, at + (many ? 2 : 1));
      table = enterTable(root, key.parts, many);
      at = key.end + (many ? 2 : 1);
    } else {
      at = scanPair(text, at, table);
    }
    at = skipVoid(text, at);
    // Only a text that is not TOML gets us here; stopping claims nothing about the rest.
    if (at <= start) break;
  }
  return root;
}

/** A header's table; behind each array of tables on the way it is the latest one that counts. */
function enterTable(root: Node, parts: readonly Part[], many: boolean): Node {
  let node = root;
  for (const [i, part] of parts.entries()) {
    const last = i === parts.length - 1;
    node = note(node, part.name, part.offset, last);
    if (last && many) node = note(node, node.tables++, part.offset, true);
    else if (node.tables > 0) node = node.children?.get(node.tables - 1) ?? node;
  }
  return node;
}

function scanPair(text: string, from: number, table: Node): number {
  const key = readKey(text, from);
  let node = table;
  for (const [i, part] of key.parts.entries()) node = note(node, part.name, part.offset, i === key.parts.length - 1);
  return scanValue(text, skipBlank(text, key.end + 1), node);
}

function scanValue(text: string, at: number, node: Node): number {
  switch (text[at]) {
    case '"':
    case "'":
      return endOfString(text, at);
    case '[':
      return scanItems(text, at, ']', (from, index) => scanValue(text, from, note(node, index, from, true)));
    case '{':
      return scanItems(text, at, '}', (from) => scanPair(text, from, node));
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
