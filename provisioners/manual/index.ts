import { PLUGIN_API_VERSION, type ProvisionerPlugin } from '../../src/provisioner/index.ts';
import { type ManualSettings, manualSettings } from './schema.ts';

/** Machines that a person makes: a contract becomes a task, and the operator's answer the machine; see docs/manual.md. */
export const manualPlugin: ProvisionerPlugin<ManualSettings> = {
  type: 'manual',
  apiVersion: PLUGIN_API_VERSION,
  settings: manualSettings,
  async open(settings, deps) {
    const { openManual } = await import('./provisioner.ts');
    return openManual(settings, deps);
  },
};
