import { createHash } from 'node:crypto';
import type { PluginDeps } from '../../src/provisioner/index.ts';
import { createProject, type Project } from './project.ts';
import type { HetznerSettings } from './schema.ts';
import { httpsTransport } from './transport.ts';

interface Shared {
  readonly opened: Promise<{ readonly project: Project; readonly close: () => Promise<void> }>;
  users: number;
}

/** By a digest of endpoint and token, which stays in this process. */
const shared = new Map<string, Shared>();

/**
 * The project of these settings, the same for all targets of this process that have its token: the API counts their requests
 * together, so they must be counted together here. The first target's limits hold for all. `release` gives it back.
 */
export async function shareProject(
  settings: HetznerSettings,
  deps: PluginDeps,
): Promise<{ readonly project: Project; release(): Promise<void> }> {
  const key = createHash('sha256').update(`${settings.endpoint} ${settings.token.reveal()}`).digest('hex');
  const entry = shared.get(key) ?? { opened: connect(settings, deps), users: 0 };
  shared.set(key, entry);
  entry.users += 1;
  const { project, close } = await entry.opened;
  let released = false;
  return {
    project,
    async release() {
      if (released) return;
      released = true;
      entry.users -= 1;
      if (entry.users > 0) return;
      shared.delete(key);
      project.close();
      await close();
    },
  };
}

async function connect(settings: HetznerSettings, deps: PluginDeps): Promise<Awaited<Shared['opened']>> {
  const { transport, close } = await httpsTransport(settings.endpoint);
  return { project: createProject(transport, settings, deps), close };
}
