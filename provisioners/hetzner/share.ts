import { createShares } from '../../src/provisioner/cloud/share.ts';
import type { PluginDeps } from '../../src/provisioner/index.ts';
import { createProject, type Project } from './project.ts';
import type { HetznerSettings } from './schema.ts';
import { httpsTransport } from './transport.ts';

const projects = createShares<Project>();

/**
 * The project of these settings, the same for all targets of this process that have its token: the API counts their requests
 * together, so they must be counted together here. The first target's limits hold for all. `release` gives it back.
 */
export async function shareProject(
  settings: HetznerSettings,
  deps: PluginDeps,
): Promise<{ readonly project: Project; release(): Promise<void> }> {
  const { value, release } = await projects.get([settings.endpoint, settings.token.reveal()], async () => {
    const { transport, close } = await httpsTransport(settings.endpoint);
    const project = createProject(transport, settings, deps);
    return {
      value: project,
      async close() {
        project.close();
        await close();
      },
    };
  });
  return { project: value, release };
}
