import { parseDocument } from 'yaml';

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

/**
 * Reads every `#cloud-config` in the user data: `ssh_authorized_keys`, those of the user root, and `ssh_keys.ed25519_*`. The document
 * may be one, several as MIME parts, or a `#cloud-config-archive`. As cloud-init does, what is something else is run or ignored, and
 * sets up nothing here.
 */
export function readUserData(text: string): GuestSetup {
  const known = READ.get(text);
  if (known !== undefined) return known;
  const setup = setupOf(text);
  if (READ.size >= MOST_READ) READ.clear();
  READ.set(text, setup);
  return setup;
}

/** A guest is asked for its keys with every look at it, and its user data stays the same. */
const READ = new Map<string, GuestSetup>();
const MOST_READ = 500;

function setupOf(text: string): GuestSetup {
  const config = partsOf(text).reduce<Table>((merged, part) => merge(merged, part), {});
  const users = list(config['users']).filter((user) => isTable(user) && user['name'] === 'root');
  const keys = [config, ...users].flatMap((holder) => (isTable(holder) ? list(holder['ssh_authorized_keys']) : []));
  const hostKeys = isTable(config['ssh_keys']) ? config['ssh_keys'] : {};
  const [secret, open] = [hostKeys['ed25519_private'], hostKeys['ed25519_public']];
  return {
    authorizedKeys: keys.filter((key) => typeof key === 'string'),
    passwords: config['ssh_pwauth'] !== false,
    keepsHostKeys: config['ssh_deletekeys'] === false,
    ...(typeof secret === 'string' && typeof open === 'string' ? { hostKey: { private: secret, public: open } } : {}),
  };
}

type Table = { readonly [key: string]: unknown };

/** The cloud-configs of a document, in order. Whatever cannot be read is reported inside the machine and sets up nothing. */
function partsOf(text: string): Table[] {
  if (/^(?:MIME-Version|Content-Type):/i.test(text)) return mimeParts(text).flatMap(partsOf);
  const [first = ''] = text.split('\n', 1);
  if (/^#cloud-config-archive\s*$/.test(first)) {
    return list(read(text)).flatMap((part) => (typeof part === 'string' ? partsOf(part) : archived(part)));
  }
  const config = /^#cloud-config\s*$/.test(first) ? read(text) : undefined;
  return isTable(config) ? [config] : [];
}

function archived(part: unknown): Table[] {
  if (!isTable(part) || typeof part['content'] !== 'string') return [];
  const isConfig = part['type'] === 'text/cloud-config' && !part['content'].startsWith('#cloud-config');
  return partsOf(isConfig ? `#cloud-config\n${part['content']}` : part['content']);
}

/** The bodies of a multipart document. One that is called a cloud-config need not say so in its first line. */
function mimeParts(text: string): string[] {
  const [head, body] = splitHead(text);
  const boundary = /boundary="?([^";\r\n]+)/i.exec(head)?.[1];
  if (boundary === undefined) return [decoded(head, body)];
  return body
    .split(new RegExp(`^--${escaped(boundary)}(?:--)?[ \\t]*\\r?$`, 'm'))
    .slice(1, -1)
    .map((part) => decoded(...splitHead(part.replace(/^\r?\n/, ''))));
}

function splitHead(text: string): [string, string] {
  const end = /\r?\n\r?\n/.exec(text);
  return end === null ? [text, ''] : [text.slice(0, end.index), text.slice(end.index + end[0].length)];
}

function decoded(head: string, body: string): string {
  const text = /^Content-Transfer-Encoding:\s*base64/im.test(head) ? Buffer.from(body, 'base64').toString() : body;
  const isConfig = /^Content-Type:\s*text\/cloud-config/im.test(head) && !text.startsWith('#cloud-config');
  const how = /^(?:X-)?Merge-Type:\s*(.+?)\r?$/im.exec(head)?.[1];
  const named = isConfig ? `#cloud-config\n${text}` : text;
  return how === undefined ? named : `${named.trimEnd()}\nmerge_how: ${JSON.stringify(how)}\n`;
}

/** By name, with its settings. */
type Mergers = ReadonlyMap<string, readonly string[]>;

/** Unless a part says otherwise, its keys replace those of the parts before it (cloud-init's `DEF_MERGERS`). */
const USUAL: Mergers = new Map([
  ['dict', ['replace']],
  ['list', []],
]);

function merge(before: Table, { merge_how: how, merge_type: type = how, ...part }: Table): Table {
  const mergers = mergersOf(type);
  return mergeTables(before, part, mergers.size === 0 ? USUAL : mergers);
}

/** `list(append)+dict(recurse_list)`, or the same as a list of tables. */
function mergersOf(rule: unknown): Mergers {
  if (typeof rule === 'string') {
    const named = [...rule.matchAll(/(\w+)\(([^)]*)\)/g)];
    return new Map(named.map(([, name = '', settings = '']) => [name, settings.split(',').map((one) => one.trim())]));
  }
  return new Map(
    list(rule).flatMap((one) => {
      const settings = isTable(one) ? list(one['settings']).filter((each) => typeof each === 'string') : [];
      return isTable(one) && typeof one['name'] === 'string' ? [[one['name'], settings] as const] : [];
    }),
  );
}

/** What is named by no rule stays as it was, also where that surprises: `list(append)` alone merges nothing at all. */
function mergeTables(before: Table, part: Table, mergers: Mergers): Table {
  const rule = mergers.get('dict');
  if (rule === undefined) return Object.keys(before).length === 0 ? part : before;
  const merged: Record<string, unknown> = { ...before };
  for (const [key, value] of Object.entries(part)) {
    const old = merged[key];
    if (old === undefined || rule.includes('replace')) merged[key] = value;
    else if (
      Array.isArray(old) &&
      Array.isArray(value) &&
      (rule.includes('recurse_list') || rule.includes('recurse_array'))
    )
      merged[key] = mergers.get('list')?.includes('append') ? [...old, ...value] : old;
    else if (isTable(old) && isTable(value) && rule.includes('recurse_dict'))
      merged[key] = mergeTables(old, value, mergers);
  }
  return merged;
}

/** Undefined for what is broken. */
function read(text: string): unknown {
  const document = parseDocument(text, { prettyErrors: false });
  return document.errors.length > 0 ? undefined : (document.toJS({ maxAliasCount: 100 }) as unknown);
}

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
