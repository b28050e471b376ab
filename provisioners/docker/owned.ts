import { type OwnedRef, ProvisionerError } from '../../src/provisioner/index.ts';
import { type Engine, isContainerId } from './engine.ts';
import { readStamp, sameStamp, stampLabels } from './stamp.ts';
import type { InspectedContainer } from './wire.ts';

/**
 * The one container that `ref` means, freshly read and proven to carry exactly its stamp; undefined when the engine said that there
 * is none, neither under the id nor with the stamp. Throws `not-ours` when the id belongs to something else.
 */
export async function findOwned(
  engine: Engine,
  ref: OwnedRef,
  signal: AbortSignal,
): Promise<InspectedContainer | undefined> {
  const [first, ...more] = await findAllOwned(engine, ref, signal);
  if (more.length === 0) return first;
  throw new ProvisionerError(
    'retry',
    `${more.length + 1} containers carry the stamp of one machine: remove the copies by hand`,
  );
}

/** The same, with everything that carries the stamp: an operator may have made copies. */
export async function findAllOwned(engine: Engine, ref: OwnedRef, signal: AbortSignal): Promise<InspectedContainer[]> {
  const { externalId } = ref;
  if (externalId !== undefined) {
    if (!isContainerId(externalId)) {
      throw new ProvisionerError('not-ours', `'${externalId.slice(0, 80)}' is not the id of a container`);
    }
    const byId = await engine.inspect(externalId, signal);
    if (byId !== undefined) {
      proveOwned(byId, ref);
      return [byId];
    }
  }
  const { containers, unreadable } = await engine.list(stampLabels(ref.stamp), signal);
  if (unreadable > 0) {
    throw new ProvisionerError(
      'retry',
      `${unreadable} containers with our stamp could not be read from the engine's list`,
    );
  }
  const found = await Promise.all(containers.map(({ Id }) => engine.inspect(Id, signal)));
  const present = found.filter((container) => container !== undefined);
  for (const container of present) proveOwned(container, ref);
  return present;
}

function proveOwned(container: InspectedContainer, ref: OwnedRef): void {
  if (sameStamp(readStamp(container.Config.Labels), ref.stamp)) return;
  throw notOurs(container);
}

export function notOurs(container: InspectedContainer): ProvisionerError {
  const id = container.Id.slice(0, 12);
  return new ProvisionerError(
    'not-ours',
    `Container ${container.Name.slice(1)} (${id}) does not carry this machine's stamp`,
  );
}
