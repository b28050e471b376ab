import { isProvisionerError, ProvisionerError } from '../../src/provisioner/index.ts';
import type { Engine } from './engine.ts';
import { isNetworkMissing, type Refusal } from './errors.ts';
import type { DockerSettings } from './schema.ts';
import { LABEL } from './stamp.ts';

const ICC = 'com.docker.network.bridge.enable_icc';

/** The network for machines: the configured one, or the plugin's own, whose name tells whether machines may talk to each other. */
export function networkName(settings: DockerSettings): string {
  return settings.network ?? (settings.network_isolation ? 'dc-agent' : 'dc-agent-open');
}

/** Makes the plugin's own network when it is missing. A configured network must exist; creating a machine will say when not. */
export async function ensureNetwork(engine: Engine, settings: DockerSettings, signal: AbortSignal): Promise<void> {
  if (settings.network !== undefined) return;
  const name = networkName(settings);
  if (await usable(engine, name, settings, signal)) return;
  try {
    await engine.createNetwork(
      {
        Name: name,
        Driver: 'bridge',
        // Engines before API 1.44 allow two networks of one name unless asked not to.
        CheckDuplicate: true,
        Labels: { [LABEL.agent]: 'true' },
        Options: { [ICC]: String(!settings.network_isolation) },
      },
      signal,
    );
  } catch (error) {
    // A network has no tenant: when the answer was lost, looking again below tells all there is to know.
    if (!isProvisionerError(error) || error.kind !== 'unknown-outcome') throw error;
  }
  if (await usable(engine, name, settings, signal)) return;
  throw new ProvisionerError('retry', `Docker network ${name} is not there yet`);
}

/** Starts a container, on its network. Returns the engine's refusal when the host port is taken or the disk not to be limited. */
export async function startOnNetwork(
  engine: Engine,
  id: string,
  settings: DockerSettings,
  signal: AbortSignal,
): Promise<Refusal | undefined> {
  const refusal = await engine.start(id, signal);
  if (refusal === undefined || !isNetworkMissing(refusal)) return refusal;
  // Docker's prune commands remove a network whose machines are all off.
  await ensureNetwork(engine, settings, signal);
  await engine.reconnect(networkName(settings), id, signal);
  return engine.start(id, signal);
}

async function usable(engine: Engine, name: string, settings: DockerSettings, signal: AbortSignal): Promise<boolean> {
  const found = await engine.inspectNetwork(name, signal);
  if (found === undefined) return false;
  const isolated = found.Options[ICC] === 'false';
  if (found.Labels[LABEL.agent] !== 'true' || isolated !== settings.network_isolation) {
    throw new ProvisionerError(
      'config',
      `A Docker network ${name} exists that was not made by this plugin as configured: remove it, or set 'network'`,
    );
  }
  return true;
}
