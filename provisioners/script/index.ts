import { PLUGIN_API_VERSION, type ProvisionerPlugin } from '../../src/provisioner/index.ts';
import { type ScriptSettings, scriptSettings } from './schema.ts';

export { type ScriptSettings, scriptSettings } from './schema.ts';

/** Drives any backend through the operator's own executables; the protocol is in docs/script.md. */
export const scriptPlugin: ProvisionerPlugin<ScriptSettings> = {
  type: 'script',
  apiVersion: PLUGIN_API_VERSION,
  settings: scriptSettings,
  async open(settings, deps) {
    const { openScript } = await import('./provisioner.ts');
    return openScript(settings, deps);
  },
};
