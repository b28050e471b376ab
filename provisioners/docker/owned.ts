import { machineName, type OwnedRef, type OwnerStamp, ProvisionerError } from '../../src/provisioner/index.ts';
import { type Engine, isContainerId } from './engine.ts';
import { oneLine } from './errors.ts';
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

/** The same for calls that need the machine. */
export async function requireOwned(engine: Engine, ref: OwnedRef, signal: AbortSignal): Promise<InspectedContainer> {
  const container = await findOwned(engine, ref, signal);
  if (container !== undefined) return container;
  throw new ProvisionerError('permanent', 'The container of this machine no longer exists', {
    publicText: 'This machine no longer exists.',
  });
}

/** The same, with everything that carries the stamp: an operator may have made copies. */
export async function findAllOwned(engine: Engine, ref: OwnedRef, signal: AbortSignal): Promise<InspectedContainer[]> {
  const known = await inspectKnown(engine, ref, signal);
  if (known !== undefined) return [known];
  // Two ways to look, since a list that is wrongly empty would make a machine vanish.
  const named = await engine.inspect(machineName(ref.stamp.contract), signal);
  const listed = await inspectListed(engine, ref.stamp, signal);
  const found = new Map([...listed, named].flatMap((each) => (each === undefined ? [] : [[each.Id, each] as const])));
  return [...found.values()].filter(({ Config }) => sameStamp(readStamp(Config.Labels), ref.stamp));
}

async function inspectKnown(
  engine: Engine,
  { externalId, stamp }: OwnedRef,
  signal: AbortSignal,
): Promise<InspectedContainer | undefined> {
  if (externalId === undefined) return undefined;
  if (!isContainerId(externalId)) {
    throw new ProvisionerError('not-ours', `'${oneLine(externalId).slice(0, 80)}' is not the id of a container`);
  }
  const container = await engine.inspect(externalId, signal);
  if (container === undefined || sameStamp(readStamp(container.Config.Labels), stamp)) return container;
  throw notOurs(container);
}

async function inspectListed(
  engine: Engine,
  stamp: OwnerStamp,
  signal: AbortSignal,
): Promise<(InspectedContainer | undefined)[]> {
  const { containers, unreadable } = await engine.list(stampLabels(stamp), signal);
  if (unreadable === 0) return Promise.all(containers.map(({ Id }) => engine.inspect(Id, signal)));
  throw new ProvisionerError(
    'retry',
    `${unreadable} containers with our stamp could not be read from the engine's list`,
  );
}

export function notOurs(container: InspectedContainer): ProvisionerError {
  const id = container.Id.slice(0, 12);
  return new ProvisionerError(
    'not-ours',
    `Container ${container.Name.slice(1)} (${id}) does not carry this machine's stamp`,
  );
}
