import { type CallContext, type OwnerStamp, ProvisionerError } from '../../src/provisioner/index.ts';
import { stillRefused } from './api.ts';
import type { Refusal } from './errors.ts';
import { mustCarry } from './find.ts';
import { pause, type Target } from './target.ts';

/** A deletion takes seconds; of an instance that is still being made, as long as that takes. */
const LIMIT_MS = 600_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Deletes one instance, and resolves when the API says that there is none of this id. Its tags are read just before each order to
 * delete. What is pending or locked cannot be deleted: it is asked for again until it can. What its counters show just before is
 * the last that is known of its traffic.
 */
export async function removeInstance(
  target: Pick<Target, 'api' | 'clock' | 'meter'>,
  id: string,
  stamp: OwnerStamp,
  { signal, log }: CallContext,
): Promise<void> {
  const asking = { lane: 'remove', signal } as const;
  const began = target.clock.monotonic();
  let refusal: Refusal | undefined;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 1.5)) {
    const instance = await target.api.instance(id, asking);
    if (instance === undefined) return;
    mustCarry(instance, stamp);
    if (target.clock.monotonic() - began > LIMIT_MS) {
      const minutes = LIMIT_MS / 60_000;
      throw new ProvisionerError(
        'retry',
        `Vultr has not deleted instance ${id} within ${minutes} minutes${stillRefused(refusal)}`,
      );
    }
    if (pauseMs === FIRST_PAUSE_MS) await target.meter.last(id, stamp, { signal, log });
    const accepted = await target.api.remove(id, asking);
    if (accepted === 'absent') return;
    refusal = accepted === 'accepted' ? undefined : accepted;
    await pause(target, pauseMs, signal);
  }
}
