import { PLUGIN_API_VERSION, type ProvisionerPlugin } from '../../src/provisioner/index.ts';
import { type ProxmoxSettings, proxmoxSettings } from './schema.ts';

/** Virtual machines on a Proxmox VE node or cluster. */
export const proxmoxPlugin: ProvisionerPlugin<ProxmoxSettings> = {
  type: 'proxmox',
  apiVersion: PLUGIN_API_VERSION,
  settings: proxmoxSettings,
  async open(settings, deps) {
    const { openProxmox } = await import('./provisioner.ts');
    return openProxmox(settings, deps);
  },
};
