import { PveRefusal } from './call.ts';

/** A parameter as it came: text, or a list of texts. */
export type RawParams = Map<string, string | readonly string[]>;

/**
 * The form parser of pveproxy. It cuts at `&` and at `;`, and drops what follows a second raw `=` in one pair, so that
 * `boot=order=scsi0` or `tags=a;b` must be escaped. A repeated name becomes a list.
 */
export function parseForm(text: string): RawParams {
  const params: RawParams = new Map();
  for (const pair of text.split(/[&;]/)) {
    if (pair === '') continue;
    const [rawName = '', rawValue = ''] = pair.split('=');
    const [name, value] = [unescape(rawName), unescape(rawValue)];
    const before = params.get(name);
    params.set(name, before === undefined ? value : [...(typeof before === 'string' ? [before] : before), value]);
  }
  return params;
}

/**
 * A JSON body, with true and false as 1 and 0 and everything else as text.
 *
 * @throws PveRefusal with Perl's own words for broken JSON and for null, as a real host does
 */
export function parseJson(text: string): RawParams {
  const params: RawParams = new Map();
  for (const [name, value] of Object.entries(readObject(text))) {
    if (Array.isArray(value)) params.set(name, value.map(asText));
    else if (value === null) throw new PveRefusal(500, `unable to parse value of '${name}' - got undefined value`);
    else params.set(name, asText(value));
  }
  return params;
}

/** What the daemon says of a body that is no JSON: plain text, with the place in its own source. */
export class BrokenJson extends PveRefusal {}

const WHERE = 'at /usr/share/perl5/PVE/APIServer/AnyEvent.pm line 934.';

function readObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Only the position and the rest of the text are told; after `{` a name must follow.
    const at = /^\s*\{\s*/.exec(text)?.[0].length ?? 0;
    const wanted =
      at > 0 ? `'"' expected` : 'malformed JSON string, neither tag, array, object, number, string or atom';
    throw new BrokenJson(500, `${wanted}, at character offset ${at} (before "${text.slice(at, at + 3)}") ${WHERE}`);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new BrokenJson(500, `Not a HASH reference ${WHERE}`);
  }
  return value as Record<string, unknown>;
}

function asText(value: unknown): string {
  if (typeof value === 'boolean') return value ? '1' : '0';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function unescape(text: string): string {
  const bytes: number[] = [];
  for (const part of text.replaceAll('+', ' ').match(/%[0-9a-fA-F]{2}|[^%]+|%/g) ?? []) {
    if (/^%[0-9a-fA-F]{2}$/.test(part)) bytes.push(Number.parseInt(part.slice(1), 16));
    else bytes.push(...Buffer.from(part));
  }
  return Buffer.from(bytes).toString('utf8');
}
