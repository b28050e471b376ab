import { Secret } from '../ports/secret.ts';
import { HIDDEN, type KnownSecrets, knownSecrets } from './secrets.ts';

export interface RedactOptions {
  /** Stack traces are for the developer: only where the level calls for them. */
  readonly stack?: 'keep' | 'drop';
  readonly secrets?: KnownSecrets;
  /** How many elements of a list are kept; 100 unless told. */
  readonly items?: number;
}

/**
 * A plain copy of any value that is fit to be written down: no secret, no cycle, bounded in depth and size, never throws.
 * Secrets are found in three ways: by the name of their key, by their look inside texts, and because they were registered.
 */
export function redact(value: unknown, options: RedactOptions = {}): unknown {
  const secrets = options.secrets ?? knownSecrets;
  return copy(value, 0, { secrets, stack: options.stack === 'keep', items: options.items ?? 100, above: new Set() });
}

/** A document of plain data (objects, lists, texts, numbers) with the same shape, its lists whole and its secrets gone. */
export function redacted<Document extends object>(document: Document): Document {
  return redact(document, { items: 100_000 }) as Document;
}

/** A text without anything that looks like a secret or is known to be one. At most 8 KiB are kept. */
export function redactText(text: string, secrets: KnownSecrets = knownSecrets): string {
  const capped = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}… (${text.length} characters)` : text;
  let clean = secrets.hide(capped);
  for (const [pattern, replacement] of LOOKS_SECRET) clean = clean.replace(pattern, replacement);
  return clean;
}

/** True for field names whose value is never written: `root_password`, `newPassword`, `Authorization`, `agent_secret_key`, ... */
export function isSecretKey(key: string): boolean {
  return SECRET_KEY.test(key.replace(/[_\-.\s]/g, ''));
}

const MAX_DEPTH = 8;
const MAX_FIELDS = 200;
const MAX_TEXT = 8192;
const MAX_CAUSES = 5;

const SECRET_KEY =
  /passw|passphrase|secret|token|authorization|privatekey|apikey|cookie|credential|^(agentkey|seed|pwd|pin|xsignature|signature)$/i;

const NAME =
  '(?:pass(?:word|wd|phrase)|secret(?:[_-]?key)?|token(?:[_-]?secret)?|authorization|private[_-]?key|api[_-]?key|cookie)';

const LOOKS_SECRET: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/g, HIDDEN],
  [/\b(Bearer|Basic|PVEAPIToken)([ =]+)[\w+/=.:!@-]{6,}/gi, `$1$2${HIDDEN}`],
  // user:password@ in a URL.
  [/(\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s/:@]{1,200}):[^\s/@]{1,500}@/gi, `$1:${HIDDEN}@`],
  // One-time setup tokens of the platform.
  [/\bapt_[a-z]{1,10}_[0-9a-f]{8,}/gi, HIDDEN],
  // name = "quoted", inside JSON, TOML or a script's output; then the same escaped once more; then a bare word, which is not the
  // verb of a sentence about the field (`agent_secret_key: is missing`).
  [new RegExp(`(${NAME}["']?\\s*[:=]\\s*)"(?:[^"\\\\]|\\\\.)*(?:"|$)`, 'gi'), `$1"${HIDDEN}"`],
  [new RegExp(`(${NAME}["']?\\s*[:=]\\s*)'[^']*(?:'|$)`, 'gi'), `$1'${HIDDEN}'`],
  [new RegExp(`(${NAME}\\\\+"\\s*:\\s*)\\\\+"(?:(?!\\\\+").)*`, 'gis'), `$1${HIDDEN}`],
  [new RegExp(`(${NAME}["']?\\s*[:=]\\s*)(?!["'\\\\]|is\\s)[^\\s,;&"'}\\])]+`, 'gi'), `$1${HIDDEN}`],
];

interface Walk {
  readonly secrets: KnownSecrets;
  readonly stack: boolean;
  readonly items: number;
  readonly above: Set<object>;
}

function copy(value: unknown, depth: number, walk: Walk): unknown {
  if (typeof value === 'string') return redactText(value, walk.secrets);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return `[${typeof value}]`;
  return typeof value === 'object' && value !== null ? copyObject(value, depth, walk) : value;
}

function copyObject(value: object, depth: number, walk: Walk): unknown {
  if (value instanceof Secret) return HIDDEN;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? '[invalid date]' : value.toISOString();
  if (value instanceof URL) return redactText(value.href, walk.secrets);
  if (walk.above.has(value)) return '[circular]';
  if (depth >= MAX_DEPTH) return '[deeper]';
  walk.above.add(value);
  try {
    if (value instanceof Error) return copyError(value, depth, walk);
    if (value instanceof Map)
      return copyEntries(
        [...value].map(([k, v]) => [String(k), v] as const),
        depth,
        walk,
      );
    if (Array.isArray(value) || value instanceof Set) return copyItems([...value], depth, walk);
    return copyEntries(
      Object.keys(value).map((key) => [key, read(value, key)] as const),
      depth,
      walk,
    );
  } finally {
    walk.above.delete(value);
  }
}

function copyItems(items: readonly unknown[], depth: number, walk: Walk): unknown[] {
  const kept = items.slice(0, walk.items).map((item) => copy(item, depth + 1, walk));
  if (items.length > walk.items) kept.push(`[${items.length - walk.items} more]`);
  return kept;
}

function copyEntries(entries: readonly (readonly [string, unknown])[], depth: number, walk: Walk): object {
  const result: Record<string, unknown> = {};
  for (const [key, value] of entries.slice(0, MAX_FIELDS)) {
    // Booleans and absences tell nothing ("hasPassword": true); everything else under such a name goes, objects whole.
    const harmless = value === null || value === undefined || typeof value === 'boolean';
    // A key can be hostile too: `__proto__` must become an own property.
    Object.defineProperty(result, redactText(key, walk.secrets), {
      value: isSecretKey(key) && !harmless ? HIDDEN : copy(value, depth + 1, walk),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  if (entries.length > MAX_FIELDS) result['…'] = `[${entries.length - MAX_FIELDS} more]`;
  return result;
}

/** Kind, message and the chain of causes; other own fields as they are (`status`, `retryAfterMs`, `code`). */
function copyError(error: Error, depth: number, walk: Walk): object {
  const own = Object.keys(error).filter((key) => key !== 'stack' && key !== 'cause' && key !== 'message');
  const fields = copyEntries(
    own.map((key) => [key, read(error, key)] as const),
    depth,
    walk,
  ) as Record<string, unknown>;
  const result: Record<string, unknown> = {
    ...fields,
    type: redactText(wordsOf(read(error, 'name')), walk.secrets),
    message: redactText(wordsOf(read(error, 'message')), walk.secrets),
  };
  if (walk.stack && typeof error.stack === 'string') result['stack'] = redactText(error.stack, walk.secrets);
  const cause = read(error, 'cause');
  if (cause !== undefined) {
    // Causes count as depth, so that an endless chain ends.
    result['cause'] = depth >= MAX_CAUSES ? '[deeper]' : copy(cause, depth + 1, walk);
  }
  return result;
}

/** Nothing but a text: to make an object one calls whatever it says is its `toString`. */
function wordsOf(value: unknown): string {
  return typeof value === 'string' ? value : '[unreadable]';
}

function read(from: object, key: string): unknown {
  try {
    return Reflect.get(from, key);
  } catch {
    // A getter that throws must not cost the log line that was to explain a failure.
    return '[unreadable]';
  }
}
