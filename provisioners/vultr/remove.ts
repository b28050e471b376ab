import { type CallContext, type OwnerStamp, ProvisionerError } from '../../src/provisioner/index.ts';
import { stillRefused } from './api.ts';
import type { Refusal } from './errors.ts';
import { mustCarry } from './find.ts';
import { isUnmarked } from './tags.ts';
import { pause, type Target } from './target.ts';

/** A deletion takes seconds; of an instance that is still being made, as long as that takes. */
const LIMIT_MS = 600_000;
const UNMARKED_MS = 45_000;
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
  let isMeasured = false;
  let refusal: Refusal | undefined;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 1.5)) {
    const instance = await target.api.instance(id, asking);
    if (instance === undefined) return;
    const passedMs = target.clock.monotonic() - began;
    // Tags may come later than the instance: one with our name and nobody's stamp may be ours in a moment.
    if (passedMs < UNMARKED_MS && isUnmarked(instance, stamp)) {
      await pause(target, pauseMs, signal);
      continue;
    }
    mustCarry(instance, stamp);
    if (passedMs > LIMIT_MS) {
      const minutes = LIMIT_MS / 60_000;
      throw new ProvisionerError(
        'retry',
        `Vultr has not deleted instance ${id} within ${minutes} minutes${stillRefused(refusal)}`,
      );
    }
    if (!isMeasured) {
      await target.meter.last(id, stamp, { signal, log });
      isMeasured = true;
      // That may have taken a while: the stamp is read again.
      continue;
    }
    const accepted = await target.api.remove(id, asking);
    if (accepted === 'absent') return;
    refusal = accepted === 'accepted' ? undefined : accepted;
    await pause(target, pauseMs, signal);
  }
}
