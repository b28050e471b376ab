import { PLUGIN_API_VERSION, type ProvisionerPlugin } from '../../src/provisioner/index.ts';
import { type VultrSettings, vultrSettings } from './schema.ts';

/** Cloud instances in a Vultr account. */
export const vultrPlugin: ProvisionerPlugin<VultrSettings> = {
  type: 'vultr',
  apiVersion: PLUGIN_API_VERSION,
  settings: vultrSettings,
  async open(settings, deps) {
    const { openVultr } = await import('./provisioner.ts');
    const { createAccount } = await import('./account.ts');
    const { shareLine } = await import('./share.ts');
    const { line, release } = await shareLine(settings, deps);
    return openVultr({ account: createAccount(line, settings, deps), deps, settings, release });
  },
};
