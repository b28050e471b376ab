/** What a guest does with its user data, as far as the simulator follows it. */
export interface GuestSetup {
  /** Keys that let root in. */
  readonly authorizedKeys: readonly string[];
  /** Root may also log in with a password. */
  readonly passwords: boolean;
  /** Host keys that are on the disk already stay, as they do not by default. */
  readonly keepsHostKeys: boolean;
  /** The host key that was ordered, as OpenSSH writes it. */
  readonly hostKey?: { readonly private: string; readonly public: string };
}

const NOTHING: GuestSetup = { authorizedKeys: [], passwords: true, keepsHostKeys: false };

/** A YAML value, as far as this reader understands it. */
type Value = string | boolean | readonly Value[] | { readonly [key: string]: Value };

/**
 * Reads `#cloud-config`: `ssh_authorized_keys`, those of the user root, and `ssh_keys.ed25519_*`. As cloud-init does, a document
 * that is something else is run or ignored, and sets up nothing here.
 */
export function readUserData(text: string): GuestSetup {
  if (!/^#cloud-config\s*$/m.test(text.split('\n', 1)[0] ?? '')) return NOTHING;
  const document = understood(text);
  const users = list(field(document, 'users')).filter((user) => field(user, 'name') === 'root');
  const keys = [document, ...users].flatMap((holder) => list(field(holder, 'ssh_authorized_keys')));
  const hostKeys = field(document, 'ssh_keys');
  const [secret, open] = [field(hostKeys, 'ed25519_private'), field(hostKeys, 'ed25519_public')];
  return {
    authorizedKeys: keys.filter((key) => typeof key === 'string'),
    passwords: !isFalse(field(document, 'ssh_pwauth')),
    keepsHostKeys: isFalse(field(document, 'ssh_deletekeys')),
    ...(typeof secret === 'string' && typeof open === 'string' ? { hostKey: { private: secret, public: open } } : {}),
  };
}

/** A document that is broken is reported inside the machine and sets up nothing. */
function understood(text: string): Value | undefined {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function field(value: Value | undefined, name: string): Value | undefined {
  if (value === undefined || typeof value !== 'object' || Array.isArray(value)) return undefined;
  return (value as { readonly [key: string]: Value })[name];
}

function isFalse(value: Value | undefined): boolean {
  return value === false || value === 'false';
}

function list(value: Value | undefined): readonly Value[] {
  return Array.isArray(value) ? value : [];
}

interface Line {
  readonly indent: number;
  readonly text: string;
}

/** JSON is YAML too; else maps, lists, plain and quoted scalars, and literal blocks, which is what people write here. */
function parse(text: string): Value | undefined {
  const body = text.slice(text.indexOf('\n') + 1);
  if (body.trimStart().startsWith('{')) return JSON.parse(body) as Value;
  const lines = body.split('\n').map((raw): Line => ({ indent: raw.search(/\S|$/), text: raw.trim() }));
  return block(lines, { at: 0 }, body.split('\n'));
}

function block(lines: readonly Line[], cursor: { at: number }, raw: readonly string[]): Value | undefined {
  skipBlank(lines, cursor);
  const first = lines[cursor.at];
  if (!first) return undefined;
  const isList = first.text.startsWith('- ') || first.text === '-';
  const items: Value[] = [];
  const map: Record<string, Value> = {};
  for (;;) {
    skipBlank(lines, cursor);
    const line = lines[cursor.at];
    // Belongs to a value of a form that this reader does not know: it is passed over, and what follows is read.
    if (line && line.indent > first.indent) {
      cursor.at++;
      continue;
    }
    if (!line || line.indent !== first.indent || line.text.startsWith('- ') !== isList) break;
    if (isList) {
      const rest = line.text.slice(2);
      if (/^[\w-]+:(\s|$)/.test(rest)) {
        // `- name: root` opens a map whose other keys stand two columns further in.
        const inner = [...lines];
        inner[cursor.at] = { indent: line.indent + 2, text: rest };
        const item = block(inner, cursor, raw);
        if (item !== undefined) items.push(item);
      } else {
        cursor.at++;
        items.push(scalar(rest));
      }
      continue;
    }
    const [, key = '', rest = ''] = /^([^:]+):\s*(.*)$/.exec(line.text) ?? [];
    cursor.at++;
    const value = rest.startsWith('|')
      ? literal(lines, cursor, raw, line.indent)
      : nested(lines, cursor, raw, rest, line);
    if (value !== undefined) map[scalarText(key)] = value;
  }
  return isList ? items : map;
}

function nested(
  lines: readonly Line[],
  cursor: { at: number },
  raw: readonly string[],
  rest: string,
  owner: Line,
): Value | undefined {
  if (rest !== '') return scalar(rest);
  skipBlank(lines, cursor);
  const next = lines[cursor.at];
  const inside = next && (next.indent > owner.indent || (next.indent === owner.indent && next.text.startsWith('- ')));
  return inside ? block(lines, cursor, raw) : '';
}

function literal(lines: readonly Line[], cursor: { at: number }, raw: readonly string[], owner: number): string {
  const taken: string[] = [];
  const indent = lines[cursor.at]?.indent ?? 0;
  for (; cursor.at < lines.length; cursor.at++) {
    const line = lines[cursor.at];
    if (line && line.text !== '' && line.indent <= owner) break;
    taken.push((raw[cursor.at] ?? '').slice(indent));
  }
  return `${taken.join('\n').trimEnd()}\n`;
}

function skipBlank(lines: readonly Line[], cursor: { at: number }): void {
  while (lines[cursor.at] && (lines[cursor.at]?.text === '' || lines[cursor.at]?.text.startsWith('#'))) cursor.at++;
}

function scalar(text: string): Value {
  if (text.startsWith('[')) return JSON.parse(text) as Value;
  return scalarText(text);
}

function scalarText(text: string): string {
  if (text.startsWith('"')) return JSON.parse(text) as string;
  if (text.startsWith("'")) return text.slice(1, -1).replaceAll("''", "'");
  return text;
}
