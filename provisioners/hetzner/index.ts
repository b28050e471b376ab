import { PLUGIN_API_VERSION, type ProvisionerPlugin } from '../../src/provisioner/index.ts';
import { type HetznerSettings, hetznerSettings } from './schema.ts';

/** Cloud servers in a Hetzner Cloud project. */
export const hetznerPlugin: ProvisionerPlugin<HetznerSettings> = {
  type: 'hetzner',
  apiVersion: PLUGIN_API_VERSION,
  settings: hetznerSettings,
  async open(settings, deps) {
    const { openHetzner } = await import('./provisioner.ts');
    const { shareProject } = await import('./share.ts');
    const { project, release } = await shareProject(settings, deps);
    return openHetzner({ project, deps, settings, release });
  },
};
