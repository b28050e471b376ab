import { type CallContext, type Clock, type OwnerStamp, ProvisionerError } from '../../src/provisioner/index.ts';
import type { SandboxClient } from './client.ts';
import { pause } from './converge.ts';
import type { Machine } from './schema.ts';
import { carries, OPERATION_LABEL } from './stamp.ts';

/** A list may lag behind what was just done; between two looks this much passes. */
const SECOND_LOOK_MS = 100;

/**
 * Every machine with exactly this stamp, oldest first. "None" is said only after `looks` complete lists in a row agree: two
 * where the list is the only witness. An incomplete list without the machine throws `retry`, because it proves nothing.
 */
export async function findByStamp(
  client: SandboxClient,
  clock: Clock,
  stamp: OwnerStamp,
  { signal }: CallContext,
  looks: 1 | 2 = 2,
): Promise<readonly Machine[]> {
  for (let look = 1; ; look++) {
    const { complete, machines } = await client.list([OPERATION_LABEL, stamp.operation], signal);
    const ours = machines.filter((machine) => carries(machine, stamp));
    if (ours.length > 0) return ours.toSorted(byAge);
    if (!complete) {
      throw new ProvisionerError('retry', 'the sandbox could not list all machines, so none can be called absent');
    }
    if (look === looks) return [];
    await pause(clock, SECOND_LOOK_MS, signal);
  }
}

function byAge(a: Machine, b: Machine): number {
  return a.created_at - b.created_at || (a.uid < b.uid ? -1 : 1);
}
