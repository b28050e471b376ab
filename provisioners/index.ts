import type { ProvisionerPlugin } from '../src/provisioner/index.ts';
import { digitaloceanPlugin } from './digitalocean/index.ts';
import { dockerPlugin } from './docker/index.ts';
import { hetznerPlugin } from './hetzner/index.ts';
import { manualPlugin } from './manual/index.ts';
import { proxmoxPlugin } from './proxmox/index.ts';
import { sandboxPlugin } from './sandbox/index.ts';
import { scriptPlugin } from './script/index.ts';
import { vultrPlugin } from './vultr/index.ts';

/** The one map of built-in plugins. Only the composition root reads it. */
export const builtinPlugins: ReadonlyMap<string, ProvisionerPlugin> = new Map<string, ProvisionerPlugin>(
  [
    proxmoxPlugin,
    hetznerPlugin,
    digitaloceanPlugin,
    vultrPlugin,
    dockerPlugin,
    scriptPlugin,
    manualPlugin,
    sandboxPlugin,
  ].map((plugin) => [plugin.type, plugin as ProvisionerPlugin]),
);

/** Those of which only the settings are known yet: a configuration with one is understood, and `run` refuses it. */
export const plannedPlugins: ReadonlyMap<string, Pick<ProvisionerPlugin, 'settings'>> = new Map();

export { type Desk, DeskError, openDesk, type TaskView } from './manual/desk.ts';
