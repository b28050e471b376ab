import { isDeepStrictEqual } from 'node:util';
import { parse, stringify, TomlError } from 'smol-toml';
import { parseDocument } from '../../config/document.ts';
import { isTable, type Table } from '../../config/tables.ts';
import type { SettingValue, SetupPlan } from './plan.ts';

export type Settings = Readonly<Record<string, SettingValue>>;

/** The target that a setup command sets up: what it is called, what drives it, and who writes. */
export interface TargetPlace {
  readonly name: string;
  readonly type: string;
  readonly command: SetupPlan['command'];
}

/**
 * The text of a configuration with this target in it: settings that the target had besides stay. Undefined when nothing is to be
 * changed. A new target is put at the end, and everything else stays as it was written; for a changed one the file is written anew,
 * without its comments.
 */
export function withTarget(text: string, file: string, place: TargetPlace, settings: Settings): string | undefined {
  const document = parseDocument(text, file).content;
  const { name, type } = place;
  const entry = findEntry(document, place);
  if (entry === undefined) return appended(text, document, { name, type, [type]: { ...settings } }, place);
  const before = isTable(entry[type]) ? entry[type] : {};
  const after: Table = { ...before, ...settings };
  if (isDeepStrictEqual(plain(before), plain(after))) return undefined;
  entry[type] = after;
  return `${head(place)}\n${stringify(document)}\n`;
}

function head({ command }: TargetPlace): string {
  return `# Changed by "dc-agent ${command}", which kept the file that was here beside it.\n`;
}

/** How a setting of a target, such as its secret, is written now: `{ file = … }`, `{ credential = … }`, or as it is. */
export function settingForm(text: string, file: string, place: TargetPlace, key: string): unknown {
  const settings = findEntry(parseDocument(text, file).content, place)?.[place.type];
  return isTable(settings) ? settings[key] : undefined;
}

/** In the reference agent's notation a target has no name; its type stands for it. */
function findEntry(document: Table, { name, type }: TargetPlace): Table | undefined {
  const { targets, provisioner, additional_provisioners: additional } = document;
  const unnamed = [provisioner, ...(Array.isArray(additional) ? additional : [])].filter(isTable);
  const named = (Array.isArray(targets) ? targets : []).filter(isTable);
  return (
    named.find((entry) => entry['name'] === name) ??
    (name === type ? unnamed.find((entry) => entry['type'] === type) : undefined)
  );
}

function appended(text: string, document: Table, target: Table, place: TargetPlace): string {
  const longer = `${text.trimEnd()}\n\n${stringify({ targets: [target] })}\n`;
  const targets = Array.isArray(document['targets']) ? document['targets'] : [];
  const expected = { ...document, targets: [...targets, target] };
  // A list of targets that is written on one line cannot be extended below.
  if (means(longer, expected)) return longer;
  return `${head(place)}\n${stringify(expected)}\n`;
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
