import { PLUGIN_API_VERSION, type ProvisionerPlugin } from '../../src/provisioner/index.ts';
import { type DockerSettings, dockerSettings } from './schema.ts';

/** Containers with a real SSH server on a Docker Engine. */
export const dockerPlugin: ProvisionerPlugin<DockerSettings> = {
  type: 'docker',
  apiVersion: PLUGIN_API_VERSION,
  settings: dockerSettings,
  async open(settings, deps) {
    const { DockerProvisioner } = await import('./provisioner.ts');
    const provisioner = new DockerProvisioner(settings, deps);
    await provisioner.prepare();
    return provisioner;
  },
};
