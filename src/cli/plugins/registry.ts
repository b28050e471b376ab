import { builtinPlugins } from '../../../provisioners/index.ts';
import type { Config } from '../../config/types.ts';
import type { ProvisionerPlugin } from '../../provisioner/plugin.ts';

type Plugins = ReadonlyMap<string, ProvisionerPlugin>;

const loaded = new WeakMap<Config, Plugins>();

/** Every plugin that the targets of this configuration may have, by the `type` they name it with. */
export function pluginsOf(config: Config): Plugins {
  return loaded.get(config) ?? builtinPlugins;
}

/** Keeps the third-party plugins that were loaded for a configuration with it. */
export function keepPlugins(config: Config, plugins: Plugins): void {
  loaded.set(config, plugins);
}
