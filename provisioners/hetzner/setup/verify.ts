import type { Finding, PluginDeps } from '../../../src/provisioner/index.ts';
import { hetznerPlugin } from '../index.ts';
import type { HetznerSettings } from '../schema.ts';

/** What the agent itself will find with these settings, before anybody relies on them. */
export async function verifyTarget(
  settings: HetznerSettings,
  deps: PluginDeps,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const provisioner = await hetznerPlugin.open(settings, deps);
  try {
    return await provisioner.check({ signal, log: deps.log });
  } finally {
    await provisioner.close?.();
  }
}
