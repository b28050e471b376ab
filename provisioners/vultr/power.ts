import { type Instance, type Operation, type OwnedRef, ProvisionerError } from '../../src/provisioner/index.ts';
import { stillRefused } from './api.ts';
import { bringUp, suspendedError } from './bring-up.ts';
import type { Refusal } from './errors.ts';
import { findOwned, mustCarry } from './find.ts';
import { toInstance } from './instance.ts';
import { type Target, untilTick } from './target.ts';
import type { VultrInstance } from './wire.ts';

/** What an instance may take to show as stopped. */
const LIMIT_MS = 180_000;
const ASK_AGAIN_MS = 20_000;

/**
 * Leads an instance to `stopped`. The API can only pull the plug: there is no call that asks the guest to shut down. The instance
 * keeps its disk and addresses, and costs what it costs running.
 */
export async function stopMachine(target: Target, ref: OwnedRef, op: Operation): Promise<void> {
  const asking = { lane: 'make', signal: op.signal } as const;
  const { clock } = target;
  const { id } = present(await findOwned(target, ref, asking));
  const began = clock.monotonic();
  let askedAt = -Infinity;
  let refusal: Refusal | undefined;
  for (;;) {
    const instance = mustCarry(present(await target.reader.byId(id, asking)), ref.stamp);
    if (instance.status === 'suspended') throw suspendedError(id);
    if (instance.status === 'active' && instance.power_status === 'stopped') return;
    if (clock.monotonic() - began > LIMIT_MS) {
      throw new ProvisionerError('retry', `Instance ${id} does not stop${stillRefused(refusal)}`);
    }
    if (instance.power_status === 'running' && clock.monotonic() - askedAt > ASK_AGAIN_MS) {
      const accepted = await target.api.halt(id, asking);
      if (accepted === 'absent') throw gone();
      refusal = accepted === 'accepted' ? undefined : accepted;
      if (accepted === 'accepted') askedAt = clock.monotonic();
    }
    await untilTick(target, op.signal);
  }
}

/** Leads an instance to where it runs; it is the tenant's, so one that does not come up is left as it is. */
export async function startMachine(target: Target, ref: OwnedRef, op: Operation): Promise<Instance> {
  const { id } = present(await findOwned(target, ref, { lane: 'make', signal: op.signal }));
  const limitMs = target.settings.create_timeout_seconds * 1000;
  return toInstance(
    await bringUp(target, { id, stamp: ref.stamp, otherwise: 'tell', limitMs }, op),
    ref.stamp,
    target.settings.ssh_user,
  );
}

function present(instance: VultrInstance | undefined): VultrInstance {
  if (instance === undefined) throw gone();
  return instance;
}

function gone(): ProvisionerError {
  return new ProvisionerError('permanent', 'The instance of this machine does not exist any more', {
    publicText: 'This machine no longer exists.',
  });
}
