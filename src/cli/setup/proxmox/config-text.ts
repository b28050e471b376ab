import { isDeepStrictEqual } from 'node:util';
import { parse, stringify, TomlError } from 'smol-toml';
import { parseDocument } from '../../../config/document.ts';
import { isTable, type Table } from '../../../config/tables.ts';
import type { SettingValue } from '../plan.ts';

export type Settings = Readonly<Record<string, SettingValue>>;

/**
 * The text of a configuration with this target in it: settings that the target had besides stay. Undefined when nothing is to be
 * changed. A new target is put at the end, and everything else stays as it was written; for a changed one the file is written anew,
 * without its comments.
 */
export function withTarget(text: string, file: string, name: string, settings: Settings): string | undefined {
  const document = parseDocument(text, file).content;
  const entry = findEntry(document, name);
  if (entry === undefined) return appended(text, document, { name, type: 'proxmox', proxmox: { ...settings } });
  const before = isTable(entry['proxmox']) ? entry['proxmox'] : {};
  const after: Table = { ...before, ...settings };
  if (isDeepStrictEqual(plain(before), plain(after))) return undefined;
  entry['proxmox'] = after;
  return `${HEAD}\n${stringify(document)}\n`;
}

const HEAD = '# Changed by "dc-agent setup proxmox", which kept the file that was here beside it.\n';

/** How the secret of a target is written now: `{ file = … }`, `{ credential = … }`, or as it is. */
export function secretForm(text: string, file: string, name: string): unknown {
  const entry = findEntry(parseDocument(text, file).content, name);
  return isTable(entry?.['proxmox']) ? entry['proxmox']['api_token_secret'] : undefined;
}

/** In the reference agent's notation a target has no name; its type stands for it. */
function findEntry(document: Table, name: string): Table | undefined {
  const { targets, provisioner, additional_provisioners: additional } = document;
  const unnamed = [provisioner, ...(Array.isArray(additional) ? additional : [])].filter(isTable);
  const named = (Array.isArray(targets) ? targets : []).filter(isTable);
  return (
    named.find((entry) => entry['name'] === name) ??
    (name === 'proxmox' ? unnamed.find((entry) => entry['type'] === 'proxmox') : undefined)
  );
}

function appended(text: string, document: Table, target: Table): string {
  const longer = `${text.trimEnd()}\n\n${stringify({ targets: [target] })}\n`;
  const targets = Array.isArray(document['targets']) ? document['targets'] : [];
  const expected = { ...document, targets: [...targets, target] };
  // A list of targets that is written on one line cannot be extended below.
  if (means(longer, expected)) return longer;
  return `${HEAD}\n${stringify(expected)}\n`;
}

function means(text: string, expected: Table): boolean {
  try {
    return isDeepStrictEqual(plain(parse(text)), plain(expected));
  } catch (error) {
    if (error instanceof TomlError) return false;
    throw error;
  }
}

/** Without the prototypes that a parser may give its tables. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}
