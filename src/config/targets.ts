import type { KeyPath } from './locate.ts';
import type { Plugins } from './reference.ts';
import type { Report } from './report.ts';
import { closest } from './suggest.ts';
import { isTable, type Table } from './tables.ts';
import { type Entry, REFERENCE_TYPES, type ReadSettings, readSettings } from './target-settings.ts';
import type { TargetConfig } from './types.ts';

/** A target, and where its settings stand in the file. */
export type ReadTarget = TargetConfig & ReadSettings;

/** The provisioners that a file may name. */
export interface Provisioners {
  /** Those that this version drives. */
  readonly plugins: Plugins;
  /** Those of which it only knows the settings. */
  readonly planned: Plugins;
  /** What a target of a planned one is. */
  readonly plannedIs: 'problem' | 'warning';
  /** Third-party ones that could not be loaded, and why. */
  readonly refused: ReadonlyMap<string, string>;
}

/**
 * Every backend that the file configures, in three notations: `[provisioner]` and `[[additional_provisioners]]` as the
 * reference agent has them, and `[[targets]]`, in which each has a name. Parts of the file that belong to no target in
 * use are added to `unused`.
 */
export function readTargets(
  document: Table,
  provisioners: Provisioners,
  report: Report,
  unused: KeyPath[],
): ReadTarget[] {
  const entries = findEntries(document, report);
  if (entries.length === 0 && report.problems.length === 0) {
    report.problem(['targets'], 'is missing', { expected: 'at least one [[targets]] with name and type' });
  }
  const known: Plugins = new Map([...provisioners.planned, ...provisioners.plugins]);
  const names: Names = new Map();
  for (const entry of entries) if (entry.named) claimName(entry, names, report);
  const targets: ReadTarget[] = [];
  for (const entry of entries) {
    const type = entry.named ? readType(entry, provisioners, report) : readOwnType(entry, provisioners, report);
    if (type === undefined) continue;
    const name = entry.named ? nameIn(entry) : inventName(entry, type, names, report);
    const settings = readSettings(entry, type, known, report, unused);
    if (settings !== undefined) targets.push({ name, type, isDefault: targets.length === 0, ...settings });
  }
  return targets;
}

/** A type that names a package or a file instead of a built-in provisioner. */
function isThirdParty(type: unknown): type is string {
  return typeof type === 'string' && /^(npm|file):/.test(type);
}

/** The third-party plugins that a file names. What is wrong with the rest of it is not looked at. */
export function thirdPartyTypes(document: Table, report: Report): string[] {
  return findEntries(document, report).flatMap(({ table: { type } }) => (isThirdParty(type) ? [type] : []));
}

/** The names in use, each with the last number that was put behind it to make another. */
type Names = Map<string, number>;

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

export const TARGET_NAME = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/;

/** One that is no text is a problem already, and foreign data: to make it a string could call what it says is its `toString`. */
function nameIn({ table: { name } }: Entry): string {
  return typeof name === 'string' ? name : '';
}

function claimName({ table, path }: Entry, names: Names, report: Report): void {
  const expected = '1 to 32 lower-case letters, digits and hyphens, without a hyphen at either end';
  if (table.name === undefined) {
    report.problem([...path, 'name'], 'is missing', { expected });
  } else if (typeof table.name !== 'string' || !TARGET_NAME.test(table.name)) {
    report.problem([...path, 'name'], 'is not a name', { expected });
  } else if (names.has(table.name)) {
    report.problem([...path, 'name'], 'is the name of an earlier target', {
      expected: 'a name of its own for every target',
    });
  } else {
    names.set(table.name, 1);
  }
}

/** The reference agent's notation invents a target's name from its type, and a path is no name. */
function readOwnType(entry: Entry, provisioners: Provisioners, report: Report): string | undefined {
  if (!isThirdParty(entry.table.type)) return readType(entry, provisioners, report);
  const expected = '[[targets]] with name and type for a third-party plugin';
  report.problem([...entry.path, 'type'], 'cannot be used here', { expected });
  return undefined;
}

function readType({ table, path }: Entry, provisioners: Provisioners, report: Report): string | undefined {
  const { plugins, planned, plannedIs, refused } = provisioners;
  const { type } = table;
  const at = [...path, 'type'];
  const expected = `one of ${[...plugins.keys()].join(', ')}`;
  if (type === undefined) {
    report.problem(at, 'is missing', { expected });
  } else if (typeof type !== 'string') {
    report.problem(at, 'is not a text', { expected });
  } else if (plugins.has(type)) {
    return type;
  } else if (isThirdParty(type)) {
    report.problem(at, refused.get(type) ?? 'names a plugin, which this command does not load');
  } else if (!planned.has(type) && !REFERENCE_TYPES.includes(type)) {
    const meant = closest(type, [...plugins.keys(), ...planned.keys()]);
    const suggestion = meant === undefined ? undefined : `did you mean ${meant}?`;
    report.problem(at, 'is no provisioner of this agent', { expected, suggestion });
  } else if (planned.has(type) && plannedIs === 'warning') {
    report.warn(
      'planned-provisioner',
      at,
      `this version has no provisioner ${String(type)} yet: dc-agent run refuses the file`,
    );
    return type;
  } else {
    report.problem(at, `this version has no provisioner ${String(type)} yet`, { expected });
  }
  return undefined;
}

/** The ledger knows machines by their target's name, so a name that depends on the order in the file deserves a warning. */
function inventName({ path }: Entry, type: string, names: Names, report: Report): string {
  let name = type;
  let number = names.get(type) ?? 1;
  while (names.has(name)) name = `${type}-${++number}`;
  names.set(type, number).set(name, names.get(name) ?? 1);
  if (name !== type) {
    report.warn(
      'generated-target-name',
      path,
      `another backend of type ${type}; it is called ${name} by its place in the file. Give it a name of its own with [[targets]]`,
    );
  }
  return name;
}
