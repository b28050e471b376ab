import { reportIssues, reportUnknownKey } from './issues.ts';
import type { KeyPath } from './locate.ts';
import { keysOf, type Plugins } from './reference.ts';
import type { Report } from './report.ts';
import { closest } from './suggest.ts';
import { isTable, type Table } from './tables.ts';
import type { TargetConfig } from './types.ts';

/** A target, and where its settings stand in the file. */
export interface ReadTarget extends TargetConfig {
  readonly place: KeyPath;
  readonly toDocument: (path: KeyPath) => KeyPath;
}

/**
 * Every backend that the file configures, in three notations: `[provisioner]` and `[[additional_provisioners]]` as the
 * reference agent has them, and `[[targets]]`, in which each has a name. Parts of the file that belong to no target in
 * use are added to `unused`.
 */
export function readTargets(document: Table, plugins: Plugins, report: Report, unused: KeyPath[]): ReadTarget[] {
  const entries = findEntries(document, report);
  if (entries.length === 0 && report.problems.length === 0) {
    report.problem([], 'no backend is configured', { expected: 'at least one [[targets]] with name and type' });
  }
  const names = new Set<string>();
  for (const entry of entries) if (entry.named) claimName(entry, names, report);
  const targets: ReadTarget[] = [];
  for (const entry of entries) {
    const type = readType(entry, plugins, report);
    if (type === undefined) continue;
    const name = entry.named ? String(entry.table.name) : inventName(entry, type, names, report);
    const place = { name, type, isDefault: targets.length === 0 };
    const settings = readSettings(entry, type, plugins, report, unused);
    if (settings !== undefined) targets.push({ ...place, ...settings });
  }
  return targets;
}

interface Entry {
  readonly path: KeyPath;
  readonly table: Table;
  /** True for our own notation, false for the reference's. */
  readonly named: boolean;
}

function findEntries(document: Table, report: Report): Entry[] {
  const entries: Entry[] = [];
  const add = (path: KeyPath, value: unknown, named: boolean): void => {
    if (isTable(value)) entries.push({ path, table: value, named });
    else report.problem(path, 'is not a table');
  };
  if (document.provisioner !== undefined) add(['provisioner'], document.provisioner, false);
  for (const key of ['additional_provisioners', 'targets']) {
    const list = document[key];
    if (list === undefined) continue;
    if (Array.isArray(list)) for (const [i, value] of list.entries()) add([key, i], value, key === 'targets');
    else report.problem([key], 'is not a list of tables', { expected: `[[${key}]], with two brackets` });
  }
  return entries;
}

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/;

function claimName({ table, path }: Entry, names: Set<string>, report: Report): void {
  const expected = '1 to 32 lower-case letters, digits and hyphens, without a hyphen at either end';
  if (table.name === undefined) {
    report.problem([...path, 'name'], 'is missing', { expected });
  } else if (typeof table.name !== 'string' || !NAME.test(table.name)) {
    report.problem([...path, 'name'], 'is not a name', { expected });
  } else if (names.has(table.name)) {
    report.problem([...path, 'name'], 'is the name of an earlier target', {
      expected: 'a name of its own for every target',
    });
  } else {
    names.add(table.name);
  }
}

function readType({ table, path }: Entry, plugins: Plugins, report: Report): string | undefined {
  const at = [...path, 'type'];
  const expected = `one of ${[...plugins.keys()].join(', ')}`;
  if (typeof table.type === 'string' && plugins.has(table.type)) return table.type;
  if (table.type === undefined) {
    report.problem(at, 'is missing', { expected });
  } else if (typeof table.type !== 'string') {
    report.problem(at, 'is not a text', { expected });
  } else {
    const meant = closest(table.type, plugins.keys());
    const suggestion = meant === undefined ? undefined : `did you mean ${meant}?`;
    report.problem(at, 'is no provisioner of this agent', { expected, suggestion });
  }
  return undefined;
}

/** The ledger knows machines by their target's name, so a name that depends on the order in the file deserves a warning. */
function inventName({ path }: Entry, type: string, names: Set<string>, report: Report): string {
  let name = type;
  for (let count = 2; names.has(name); count++) name = `${type}-${count}`;
  names.add(name);
  if (name !== type) {
    report.warn(
      'generated-target-name',
      path,
      `another backend of type ${type}; it is called ${name} by its place in the file. Give it a name of its own with [[targets]]`,
    );
  }
  return name;
}

type Settings = Pick<ReadTarget, 'settings' | 'place' | 'toDocument'>;

function readSettings(
  entry: Entry,
  type: string,
  plugins: Plugins,
  report: Report,
  unused: KeyPath[],
): Settings | undefined {
  const plugin = plugins.get(type);
  if (plugin === undefined) return undefined;
  const source = entry.table[type] === undefined ? flatSource(entry, type) : nestedSource(entry, type);
  checkRest(entry, type, source, plugins, report, unused);
  if (!isTable(source.table)) {
    report.problem(source.place, 'is not a table');
    return undefined;
  }
  const result = plugin.settings.safeParse(source.table);
  if (result.success) return { settings: result.data, place: source.place, toDocument: source.toDocument };
  const issues = source.nested ? result.error.issues : withoutUnknownKeys(result.error.issues);
  reportIssues(report, plugin.settings, source.table, issues, source.toDocument);
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
const FLAT_NAMES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  digitalocean: { do_size: 'default_size', do_region: 'default_region', do_image: 'default_image' },
};

function flatSource(entry: Entry, type: string): Source {
  const table: Table = {};
  const written = new Map<string, string>();
  for (const [key, value] of flatKeys(entry)) {
    const name = settingName(type, key);
    if (Object.hasOwn(table, name)) continue;
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
    else
      reportUnknownKey(
        report,
        [...entry.path, key],
        closest(key, [...own, type, 'type', ...(entry.named ? ['name'] : [])]),
      );
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

const REFERENCE_TYPES = ['proxmox', 'script', 'manual', 'docker', 'digitalocean'];

function isTypeName(key: string, plugins: Plugins): boolean {
  return plugins.has(key) || REFERENCE_TYPES.includes(key);
}

function keysOfType(plugins: Plugins, type: string): string[] {
  const plugin = plugins.get(type);
  return plugin === undefined ? [] : keysOf(plugin.settings).map(({ key }) => key);
}

/** In the flat notation `checkRest` has judged them already. */
function withoutUnknownKeys<T extends { code: string; path: readonly unknown[] }>(issues: readonly T[]): T[] {
  return issues.filter((issue) => issue.code !== 'unrecognized_keys' || issue.path.length > 0);
}
