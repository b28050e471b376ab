import { pathToFileURL } from 'node:url';
import { keysOf } from '../../config/reference.ts';
import { PLUGIN_API_VERSION, type ProvisionerPlugin } from '../../provisioner/plugin.ts';
import { causes } from '../failure.ts';
import { entryOf, folderOf } from './locate.ts';
import { PluginRefusal } from './refusal.ts';
import { requireSafe } from './safety.ts';
import { within } from './within.ts';

/** What became of the third-party plugins that a configuration names, by the target's `type`. */
export interface LoadedPlugins {
  readonly plugins: ReadonlyMap<string, ProvisionerPlugin>;
  /** Why a plugin is not there, as the end of the sentence "the type …". */
  readonly refused: ReadonlyMap<string, string>;
}

/**
 * Loads third-party plugins: `npm:<package>` from `directory`, `file:<absolute path>` from where it is. Their code runs in this
 * process and can read its keys, so each is checked before a line of it is read; nothing is ever fetched. Never throws for what
 * is wrong with a plugin.
 */
export async function loadPlugins(types: Iterable<string>, directory: string): Promise<LoadedPlugins> {
  const plugins = new Map<string, ProvisionerPlugin>();
  const refused = new Map<string, string>();
  for (const type of new Set(types)) {
    try {
      plugins.set(type, await load(type, directory));
    } catch (error) {
      refused.set(
        type,
        error instanceof PluginRefusal ? error.message : `cannot be loaded: ${causes(error).join(': ')}`,
      );
    }
  }
  return { plugins, refused };
}

async function load(type: string, directory: string): Promise<ProvisionerPlugin> {
  const folder = await folderOf(type, directory);
  await requireSafe(folder);
  const entry = await entryOf(type, folder);
  const loading = import(pathToFileURL(entry).href) as Promise<{ readonly plugin?: unknown }>;
  const module = await within(LOAD_LIMIT_MS, loading);
  if (module === 'late') throw new PluginRefusal(`did not load within ${LOAD_LIMIT_MS / 1000} s`);
  const { plugin } = module;
  if (!isPlugin(plugin)) throw new PluginRefusal(`is no plugin: ${objection(plugin)}`);
  return plugin;
}

/** A module that waits for something while it is loaded must not keep the agent from starting. */
const LOAD_LIMIT_MS = 15_000;

function isPlugin(value: unknown): value is ProvisionerPlugin {
  return objection(value) === undefined;
}

/** What keeps a module's export from being a plugin of this API version. */
function objection(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return 'it has no export named "plugin"';
  const { type, apiVersion, settings, open } = value as Readonly<Record<string, unknown>>;
  // First, because a plugin of another version may differ in everything else.
  if (apiVersion !== PLUGIN_API_VERSION) {
    const theirs = typeof apiVersion === 'number' ? `version ${apiVersion}` : 'no version';
    return `it is written for ${theirs} of the plugin API, and this agent has version ${PLUGIN_API_VERSION}; install one that fits`;
  }
  if (typeof type !== 'string' || !/^[a-z][a-z0-9-]{0,31}$/.test(type)) return 'its "type" is not a name';
  if (typeof open !== 'function') return 'it has no "open"';
  if (!isSchema(settings)) return 'its "settings" are no schema of zod 4';
  return undefined;
}

/** What the configuration does with it: list its keys, and parse. */
function isSchema(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('_zod' in value) || !('safeParse' in value)) return false;
  try {
    keysOf(value as ProvisionerPlugin['settings']);
    return true;
  } catch {
    // zod says by an exception that it cannot describe a schema: then neither can our errors and documents.
    return false;
  }
}
