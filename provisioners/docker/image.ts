import { ProvisionerError } from '../../src/provisioner/index.ts';
import type { Engine } from './engine.ts';
import { refused } from './errors.ts';
import type { DockerSettings } from './schema.ts';
import type { InspectedImage } from './wire.ts';

/** The image as the engine has it; pulled first when it is missing and pulling is allowed. */
export async function ensureImage(
  engine: Engine,
  name: string,
  settings: DockerSettings,
  signal: AbortSignal,
): Promise<InspectedImage> {
  const present = await engine.inspectImage(name, signal);
  if (present !== undefined) return present;
  if (settings.pull === 'never') throw missing(name, "and 'pull' is 'never'");
  const { repository, tag } = splitReference(name);
  const failure = await engine.pull(repository, tag, signal, settings.pull_timeout_seconds * 1000);
  if (failure !== undefined) throw refused({ doing: `pull image ${name}`, status: 200, message: failure });
  const pulled = await engine.inspectImage(name, signal);
  if (pulled === undefined) throw missing(name, 'although pulling it ended without an error');
  return pulled;
}

/** Without a tag the engine would pull every tag of the repository. A digest needs none. */
export function splitReference(name: string): { repository: string; tag?: string } {
  if (name.includes('@')) return { repository: name };
  const colon = name.lastIndexOf(':');
  // A colon before the last slash belongs to the registry's port.
  if (colon <= name.lastIndexOf('/')) return { repository: name, tag: 'latest' };
  return { repository: name.slice(0, colon), tag: name.slice(colon + 1) };
}

function missing(name: string, why: string): ProvisionerError {
  return new ProvisionerError(
    'config',
    `The engine has no image ${name}, ${why}: pull it by hand, or build the default one with scripts/build-ssh-image`,
  );
}
