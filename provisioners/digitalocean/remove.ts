import { type CallContext, type OwnerStamp, ProvisionerError } from '../../src/provisioner/index.ts';
import { mustCarry, ofOurName } from './find.ts';
import { pause, type Target } from './target.ts';

/** A deletion takes seconds; behind a droplet that is still being made, minutes. */
const LIMIT_MS = 600_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Deletes one droplet, and resolves when the API says that there is none of this id. Its tags are read just before each order to
 * delete. Nothing is known but that the order was taken, so the droplet itself is looked at until it is gone.
 */
export async function removeDroplet(
  target: Pick<Target, 'api' | 'reader' | 'clock'>,
  id: number,
  stamp: OwnerStamp,
  { signal }: CallContext,
): Promise<void> {
  const asking = { lane: 'remove', signal } as const;
  const startedAt = target.clock.monotonic();
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 1.5)) {
    const droplet = await ofOurName(target, id, stamp, asking);
    if (droplet === undefined) return;
    mustCarry(droplet, stamp);
    if (target.clock.monotonic() - startedAt > LIMIT_MS) {
      const minutes = LIMIT_MS / 60_000;
      throw new ProvisionerError('retry', `DigitalOcean has not deleted droplet ${id} within ${minutes} minutes`);
    }
    if ((await target.api.remove(id, asking)) === 'absent') return;
    await pause(target, pauseMs, signal);
  }
}
