import { type Clock, ProvisionerError, type Random } from '../../src/provisioner/index.ts';

export interface IdRange {
  readonly first: number;
  /** Included. */
  readonly last: number;
}

export interface Ids {
  /** A VMID that nobody is known to have, and that was not in use lately; it counts as used from now on. Throws `capacity`. */
  choose(taken: ReadonlySet<number>): number;
  /** A VMID that came up in another way: not to be given to another machine for hours. */
  noteUsed(vmid: number): void;
}

/**
 * A host shows the old name, state and counters under an id that is used again, for more than a minute; backup jobs, monitoring
 * and people take longer to forget.
 */
const REST_MS = 6 * 3_600_000;

/**
 * Chooses VMIDs. `cluster/nextid` reserves nothing, so the same number is given to everybody who asks at the same time; a range of
 * our own and a number by chance make it unlikely that two want the same one, and the clone itself decides who gets it.
 */
export function createIds({ first, last }: IdRange, clock: Clock, random: Random): Ids {
  const usedAt = new Map<number, number>();
  const size = last - first + 1;
  return {
    choose(taken) {
      const now = clock.monotonic();
      for (const [vmid, at] of usedAt) if (now - at >= REST_MS) usedAt.delete(vmid);
      const start = Math.floor(random.float() * size);
      for (let step = 0; step < size; step++) {
        const vmid = first + ((start + step) % size);
        if (taken.has(vmid) || usedAt.has(vmid)) continue;
        usedAt.set(vmid, now);
        return vmid;
      }
      throw new ProvisionerError(
        'capacity',
        `Every VMID from ${first} to ${last} is in use, or was less than ${REST_MS / 3_600_000} hours ago: widen vmid_start to vmid_end`,
      );
    },
    noteUsed: (vmid) => void usedAt.set(vmid, clock.monotonic()),
  };
}
