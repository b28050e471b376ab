import { type CallContext, type OwnerStamp, ProvisionerError } from '../../src/provisioner/index.ts';
import { mustCarry } from './find.ts';
import { pause, type Target, waitForServer } from './target.ts';

/** A deletion takes seconds; behind a long action, minutes. */
const LIMIT_MS = 600_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Deletes one server, and resolves when the API says that there is none of this id. Its labels are read just before each
 * order to delete. What its counters show then is the last that is known of its traffic.
 */
export async function removeServer(
  target: Pick<Target, 'api' | 'actions' | 'reader' | 'clock' | 'fleet'>,
  id: number,
  stamp: OwnerStamp,
  { signal }: CallContext,
): Promise<void> {
  const asking = { lane: 'remove', signal } as const;
  const startedAt = target.clock.monotonic();
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
    const server = await target.reader.byId(id, stamp, asking);
    if (server === undefined) return;
    mustCarry(server, stamp);
    if (target.clock.monotonic() - startedAt > LIMIT_MS) {
      throw new ProvisionerError('retry', `Hetzner has not deleted server ${id} within ${LIMIT_MS / 60_000} minutes`);
    }
    target.fleet.lastSeen(server);
    const accepted = server.status === 'deleting' ? 'locked' : await target.api.remove(id, asking);
    if (accepted === 'absent') return;
    if (accepted === 'locked') {
      await waitForServer(target, id, pauseMs, asking);
      continue;
    }
    await target.actions.settle([accepted.action], asking, LIMIT_MS);
    // An accepted deletion that did not happen is asked for again, but not at once.
    if (pauseMs > FIRST_PAUSE_MS) await pause(target, pauseMs, signal);
  }
}
