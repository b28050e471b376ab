import { type Operation, type OwnerStamp, ProvisionerError } from '../../src/provisioner/index.ts';
import { bringUp } from './bring-up.ts';
import { mustCarry } from './find.ts';
import { pause, type Target } from './target.ts';
import type { Droplet } from './wire.ts';

const POLL_MS = 2_000;
/** What a droplet may take to switch off, hard, beside the grace it is given: an ignored shutdown blocks everything for a minute. */
const HARD_MS = 240_000;

/**
 * Leads a droplet to `off`: asks the machine to shut down, which it may ignore, and switches it off when it has not done so in its
 * time. Disk and addresses stay, and so does the full price.
 */
export async function switchOff(target: Target, { id }: Droplet, stamp: OwnerStamp, op: Operation): Promise<void> {
  const asking = { lane: 'make', signal: op.signal } as const;
  const { clock, settings, api, actions } = target;
  const graceMs = settings.stop_grace_seconds * 1000;
  const startedAt = clock.monotonic();
  let askedAt: number | undefined;
  for (;;) {
    const droplet = await target.reader.byId(id, asking);
    if (droplet === undefined) throw gone();
    mustCarry(droplet, stamp);
    if (droplet.status === 'off') return;
    const now = clock.monotonic();
    if (now - startedAt > graceMs + HARD_MS) {
      throw new ProvisionerError('retry', `Droplet ${id} is still ${droplet.status} after having been switched off`);
    }
    if (droplet.status !== 'active' || (askedAt !== undefined && now - askedAt < graceMs)) {
      await pause(target, POLL_MS, op.signal);
      continue;
    }
    const verb = askedAt === undefined && graceMs > 0 ? 'shutdown' : 'power_off';
    const accepted = await api.power(id, verb, asking);
    if (accepted === 'absent') throw gone();
    if (accepted === 'pending') await pause(target, POLL_MS, op.signal);
    else if (verb === 'shutdown') askedAt = now;
    else await actions.settle(accepted, asking, HARD_MS);
  }
}

/** Leads a droplet to `active`; it is the tenant's, so one that does not come up is left as it is. */
export async function switchOn(target: Target, { id }: Droplet, stamp: OwnerStamp, op: Operation): Promise<Droplet> {
  const limitMs = target.settings.create_timeout_seconds * 1000;
  return bringUp(target, { id, stamp, whose: 'tenant', limitMs }, op);
}

export function gone(): ProvisionerError {
  return new ProvisionerError('permanent', 'The droplet of this machine does not exist any more', {
    publicText: 'This machine no longer exists.',
  });
}
