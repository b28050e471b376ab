import { PLUGIN_API_VERSION, type ProvisionerPlugin } from '../../src/provisioner/index.ts';
import { type SandboxSettings, sandboxSettings } from './schema.ts';

export { type SandboxSettings, sandboxSettings } from './schema.ts';

/** Simulated machines behind real SSH servers: for demonstrations, for tests, and as the plugin to learn from. */
export const sandboxPlugin: ProvisionerPlugin<SandboxSettings> = {
  type: 'sandbox',
  apiVersion: PLUGIN_API_VERSION,
  settings: sandboxSettings,
  async open(settings, deps) {
    const { openSandbox } = await import('./provisioner.ts');
    const { socketTransport } = await import('./transport.ts');
    const { transport, close } = await socketTransport(settings.socket_path);
    return openSandbox({ transport, deps, settings, release: close });
  },
};
