import type { z } from 'zod';
import { reportIssues, reportUnknownKey } from './issues.ts';
import type { KeyPath } from './locate.ts';
import { keysOf, type Plugins } from './reference.ts';
import type { Report } from './report.ts';
import { isTable, type Table } from './tables.ts';

/** A target's table in the file. */
export interface Entry {
  readonly path: KeyPath;
  readonly table: Table;
  /** True for our own notation, false for the reference's. */
  readonly named: boolean;
}

/** What a plugin's schema made of a target's settings, and where these stand in the file. */
export interface ReadSettings {
  readonly settings: unknown;
  readonly schema: z.ZodType;
  readonly toDocument: (path: KeyPath) => KeyPath;
}

/**
 * The settings of one target, from a table named after its type or directly from the target's own. Parts of the file that
 * are not in use are added to `unused`.
 */
export function readSettings(
  entry: Entry,
  type: string,
  plugins: Plugins,
  report: Report,
  unused: KeyPath[],
): ReadSettings | undefined {
  const schema = plugins.get(type)?.settings;
  if (schema === undefined) return undefined;
  const source = entry.table[type] === undefined ? flatSource(entry, type, plugins) : nestedSource(entry, type);
  checkRest(entry, type, source, plugins, report, unused);
  if (!isTable(source.table)) {
    report.problem(source.place, 'is not a table');
    return undefined;
  }
  const result = schema.safeParse(source.table);
  if (result.success) return { settings: result.data, schema, toDocument: source.toDocument };
  reportIssues(report, schema, source.table, result.error.issues, source.toDocument);
  return undefined;
}

interface Source {
  readonly nested: boolean;
  readonly table: unknown;
  readonly place: KeyPath;
  readonly toDocument: (path: KeyPath) => KeyPath;
}

function nestedSource({ path, table }: Entry, type: string): Source {
  const place = [...path, type];
  return { nested: true, table: table[type], place, toDocument: (inner) => [...place, ...inner] };
}

/** What the reference agent calls these settings where they stand directly in `[provisioner]`. */
export const FLAT_NAMES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  digitalocean: { do_size: 'default_size', do_region: 'default_region', do_image: 'default_image' },
};

/** Only what the type knows: `checkRest` judges the other keys. */
function flatSource(entry: Entry, type: string, plugins: Plugins): Source {
  const own = keysOfType(plugins, type);
  const table: Table = {};
  const written = new Map<string, string>();
  for (const [key, value] of flatKeys(entry)) {
    const name = settingName(type, key);
    if (!own.includes(name) || Object.hasOwn(table, name)) continue;
    table[name] = value;
    written.set(name, key);
  }
  const toDocument = ([key, ...inner]: KeyPath): KeyPath =>
    key === undefined ? entry.path : [...entry.path, written.get(String(key)) ?? key, ...inner];
  return { nested: false, table, place: entry.path, toDocument };
}

function settingName(type: string, key: string): string {
  const names = FLAT_NAMES[type];
  return names !== undefined && Object.hasOwn(names, key) ? (names[key] ?? key) : key;
}

function flatKeys({ table, named }: Entry): [string, unknown][] {
  return Object.entries(table).filter(([key]) => key !== 'type' && !(named && key === 'name'));
}

/** Judges every key of the entry that is not handed to the plugin's schema as a known one. */
function checkRest(
  entry: Entry,
  type: string,
  source: Source,
  plugins: Plugins,
  report: Report,
  unused: KeyPath[],
): void {
  const own = keysOfType(plugins, type);
  const ignore = (key: string, message: string): void => {
    unused.push([...entry.path, key]);
    report.warn('ignored-key', [...entry.path, key], message);
  };
  for (const [key, value] of flatKeys(entry)) {
    if (source.nested && key === type) continue;
    const known = own.includes(settingName(type, key));
    if (known && !source.nested) continue;
    if (known) ignore(key, `ignored, because [${bracketName(entry, type)}] is there too`);
    else if (isTable(value) && isTypeName(key, plugins)) ignore(key, `ignored, because the type is ${type}`);
    else if (!entry.named && isForeignKey(key, plugins)) ignore(key, `ignored: no setting of ${type}`);
    else reportUnknownKey(report, [...entry.path, key], [...own, type, 'type', ...(entry.named ? ['name'] : [])]);
  }
}

function bracketName({ path }: Entry, type: string): string {
  return `${String(path[0])}.${type}`;
}

/** The reference agent reads flat keys of every type, whichever type is chosen. */
function isForeignKey(key: string, plugins: Plugins): boolean {
  return [...plugins.keys(), ...Object.keys(FLAT_NAMES)].some((type) =>
    keysOfType(plugins, type).includes(settingName(type, key)),
  );
}

/** The provisioners of the reference agent. */
export const REFERENCE_TYPES: readonly string[] = ['proxmox', 'script', 'manual', 'docker', 'digitalocean'];

function isTypeName(key: string, plugins: Plugins): boolean {
  return plugins.has(key) || REFERENCE_TYPES.includes(key);
}

function keysOfType(plugins: Plugins, type: string): string[] {
  const plugin = plugins.get(type);
  return plugin === undefined ? [] : keysOf(plugin.settings).map(({ key }) => key);
}
