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

/** A later part replaces the keys of an earlier one, unless it says otherwise: so does cloud-init. */
function merge(before: Table, { merge_how: how, merge_type: type = how, ...part }: Table): Table {
  const rule = JSON.stringify(type ?? '');
  const merged: Record<string, unknown> = { ...before };
  for (const [key, value] of Object.entries(part)) {
    const old = merged[key];
    if (Array.isArray(old) && Array.isArray(value) && /list\(append|"append"/.test(rule))
      merged[key] = [...old, ...value];
    else if (isTable(old) && isTable(value) && /recurse_dict/.test(rule)) merged[key] = { ...old, ...value };
    else if (old === undefined || !/no_replace/.test(rule)) merged[key] = value;
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
