import type { z } from 'zod';
import type { PluginDeps, Provisioner } from './contract.ts';

/** Raised when the contract changes in a way that old plugins cannot meet. */
export const PLUGIN_API_VERSION = 1;

/** How a plugin presents itself to the registry. Loading it must stay cheap: `open` imports what it needs. */
export interface ProvisionerPlugin<Settings = unknown> {
  readonly type: string;
  readonly apiVersion: typeof PLUGIN_API_VERSION;
  /** The target's own table in the configuration file; strict, with a `description` on every key. */
  readonly settings: z.ZodType<Settings>;
  open(settings: Settings, deps: PluginDeps): Promise<Provisioner>;
}
