import { createShares } from '../../src/provisioner/cloud/share.ts';
import { PLUGIN_API_VERSION, type ProvisionerPlugin } from '../../src/provisioner/index.ts';
import type { TokenAccess } from './access.ts';
import { type DigitalOceanSettings, digitaloceanSettings } from './schema.ts';

/** Targets of this process that have the same token: their requests must be counted together. The first one's limits hold for all. */
const shares = createShares<TokenAccess>();

/** Droplets in a DigitalOcean account. */
export const digitaloceanPlugin: ProvisionerPlugin<DigitalOceanSettings> = {
  type: 'digitalocean',
  apiVersion: PLUGIN_API_VERSION,
  settings: digitaloceanSettings,
  async open(settings, deps) {
    const { openDigitalOcean } = await import('./provisioner.ts');
    const { createAccess } = await import('./access.ts');
    const { httpsTransport } = await import('../../src/provisioner/cloud/transport.ts');
    const { value, release } = await shares.get([settings.endpoint, settings.api_token.reveal()], async () => {
      const { transport, close } = await httpsTransport(settings.endpoint);
      const access = createAccess(transport, settings, deps);
      return {
        value: access,
        async close() {
          access.close();
          await close();
        },
      };
    });
    return openDigitalOcean({ access: value, deps, settings, release });
  },
};
