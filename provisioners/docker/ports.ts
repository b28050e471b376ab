import { createHash } from 'node:crypto';
import { ProvisionerError } from '../../src/provisioner/index.ts';
import { stampedPort } from './stamp.ts';
import type { ListedContainer } from './wire.ts';

export interface PortRange {
  readonly start: number;
  /** Included. */
  readonly end: number;
}

/**
 * A free port for a contract. The search starts at a place that the contract's id decides, so that a machine that is made again
 * tends to get its old port, and neighbours do not race for the first free one.
 */
export function choosePort(range: PortRange, seed: string, taken: ReadonlySet<number>): number {
  const size = range.end - range.start + 1;
  const first = createHash('sha256').update(seed).digest().readUInt32BE(0) % size;
  for (let step = 0; step < size; step++) {
    const port = range.start + ((first + step) % size);
    if (!taken.has(port)) return port;
  }
  throw new ProvisionerError(
    'capacity',
    `All ${size} ports from ${range.start} to ${range.end} are taken: widen port_range_start and port_range_end`,
  );
}

/** Ports of every container, whoever made it. The engine lists none for one that is off; ours keep theirs in a label. */
export function takenPorts(containers: readonly ListedContainer[]): Set<number> {
  const taken = new Set<number>();
  for (const container of containers) {
    for (const { PublicPort } of container.Ports) if (PublicPort !== undefined) taken.add(PublicPort);
    const promised = stampedPort(container.Labels);
    if (promised !== undefined) taken.add(promised);
  }
  return taken;
}
