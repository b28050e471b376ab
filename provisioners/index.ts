import type { ProvisionerPlugin } from '../src/provisioner/index.ts';
import { dockerPlugin } from './docker/index.ts';
import { sandboxPlugin } from './sandbox/index.ts';
import { scriptPlugin } from './script/index.ts';

/** The one map of built-in plugins. Only the composition root reads it. */
export const builtinPlugins: ReadonlyMap<string, ProvisionerPlugin> = new Map<string, ProvisionerPlugin>(
  [dockerPlugin, sandboxPlugin, scriptPlugin].map((plugin) => [plugin.type, plugin as ProvisionerPlugin]),
);
