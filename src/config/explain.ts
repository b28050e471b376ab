import type { z } from 'zod';
import { Secret } from '../ports/secret.ts';
import { type ConfigReport, reportErrors } from './command.ts';
import { type ConfigDetails, DEFAULT_STATE_DIR, inspectConfig, type LoadOptions, stateDirectoryFrom } from './load.ts';
import type { KeyPath } from './locate.ts';
import { keysOf, TABLES } from './reference.ts';
import { formatPath } from './report.ts';
import { isTable, valueAt } from './tables.ts';
import { formatWarning } from './types.ts';

/** One effective setting and where it comes from. */
export interface ExplainedKey {
  readonly path: string;
  /** Absent when neither the file nor a default gives one; of a secret only where it lies, else dots. */
  readonly value?: unknown;
  readonly from: 'file' | 'default' | 'environment' | 'unset';
  readonly line?: number;
}

/** `dc-agent config explain`: every effective setting, in the order of the reference. */
export function configExplain(file: string, options: LoadOptions): ConfigReport {
  return reportErrors(file, () => {
    const details = inspectConfig(file, options);
    const env = options.env ?? process.env;
    const sections = [...ownSections(details, env), ...targetSections(details)];
    const { warnings } = details.config;
    return {
      ok: true,
      text: [file, ...sections.map(render), ...warnings.map(formatWarning)].join('\n'),
      json: { file, keys: sections.flatMap(({ keys }) => keys), warnings },
    };
  });
}

interface Section {
  readonly title: string;
  readonly keys: readonly ExplainedKey[];
}

function ownSections(details: ConfigDetails, env: NodeJS.ProcessEnv): Section[] {
  const sections: Section[] = [];
  for (const [name, schema] of Object.entries(TABLES)) {
    if (name === 'gateway' && details.config.gateway === undefined) continue;
    const written = isTable(details.document.content[name]) ? details.document.content[name] : {};
    const keys = explainKeys(details, schema, written, (path) => [name, ...path]);
    sections.push({
      title: `[${name}]`,
      keys: keys.map((key) => (key.path === 'agent.state_dir' ? stateDir(key, env) : key)),
    });
  }
  return sections;
}

/** The one default that is no constant. */
function stateDir(key: ExplainedKey, env: NodeJS.ProcessEnv): ExplainedKey {
  if (key.from === 'file') return key;
  const given = stateDirectoryFrom(env);
  return given === undefined
    ? { path: key.path, value: DEFAULT_STATE_DIR, from: 'default' }
    : { path: key.path, value: given, from: 'environment' };
}

function targetSections(details: ConfigDetails): Section[] {
  return details.targets.map((target) => {
    const effective = isTable(target.settings) ? target.settings : {};
    const standard = target.isDefault ? ', the default target' : '';
    return {
      title: `target ${target.name}: ${target.type}${standard}`,
      keys: explainKeys(details, target.schema, effective, target.toDocument),
    };
  });
}

function explainKeys(
  { document: { content, locator } }: ConfigDetails,
  schema: z.ZodType,
  effective: Readonly<Record<string, unknown>>,
  toDocument: (path: KeyPath) => KeyPath,
): ExplainedKey[] {
  return keysOf(schema).map(({ key, secret, default: standard }) => {
    const place = toDocument([key]);
    const path = formatPath(place);
    const written = valueAt(content, place);
    if (written === undefined) {
      return standard === undefined ? { path, from: 'unset' } : { path, value: standard, from: 'default' };
    }
    const value = secret ? publicPart(path, written) : (effective[key] ?? written);
    const line = locator.find(place)?.line;
    return { path, value, from: 'file', ...(line === undefined ? {} : { line }) };
  });
}

/** Where a secret lies is worth showing: the name of its file or credential, and the path that the agent key may be given as. */
function publicPart(path: string, written: unknown): unknown {
  if (isTable(written)) return written;
  const isPath =
    path === 'api.agent_secret_key' && typeof written === 'string' && !/^[0-9a-f]{64}$/i.test(written.trim());
  return isPath ? written : new Secret('').toString();
}

function render({ title, keys }: Section): string {
  const rows = keys.map((key) => [`  ${key.path}`, showValue(key), showSource(key)] as const);
  const width = (column: 0 | 1): number => Math.max(0, ...rows.map((row) => row[column].length));
  const [first, second] = [width(0), Math.min(width(1), 60)];
  const lines = rows.map(([path, value, source]) => `${path.padEnd(first)}  ${value.padEnd(second)}  ${source}`);
  return ['', title, ...lines].join('\n');
}

function showValue({ from, value }: ExplainedKey): string {
  if (from === 'unset') return '-';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function showSource({ from, line }: ExplainedKey): string {
  if (from === 'file') return `line ${line ?? '?'}`;
  if (from === 'environment') return '$STATE_DIRECTORY';
  return from === 'unset' ? 'not set' : 'default';
}
