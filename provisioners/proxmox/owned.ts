import { type CallContext, type OwnedRef, type OwnerStamp, ProvisionerError } from '../../src/provisioner/index.ts';
import type { VmAt } from './api-vms.ts';
import type { Backend } from './backend.ts';
import { judge, type Machine, objection } from './judge.ts';
import { findByStamp, lookAt, type Seen, vmidOf } from './sight.ts';

/**
 * The machine that `ref` means, its stamp and name read just now. Throws `not-ours` when its VMID belongs to something else, and
 * `permanent` when it does not exist any more.
 */
export async function requireOwned(backend: Backend, ref: OwnedRef, ctx: CallContext): Promise<Machine> {
  const vmid = vmidOf(ref);
  const sight = vmid === undefined ? undefined : await lookAt(backend, vmid, ctx);
  if (vmid !== undefined && sight?.state === 'hidden') throw unprovable(vmid);
  if (sight?.state === 'there') return ours(sight, ref.stamp);
  const [found] = vmid === undefined ? await findByStamp(backend, ref.stamp, ctx) : [];
  if (found !== undefined) return verified(backend, found, ref.stamp, ctx);
  throw new ProvisionerError('permanent', `No machine carries the stamp of contract ${ref.stamp.contract}`, {
    publicText: 'This machine no longer exists.',
  });
}

/** The same machine read again, to be called right before each change. Throws `not-ours` when it is not ours any more. */
export async function verified(backend: Backend, at: VmAt, stamp: OwnerStamp, ctx: CallContext): Promise<Machine> {
  const sight = await lookAt(backend, at.vmid, ctx, at.node);
  if (sight.state === 'there') return ours(sight, stamp);
  throw sight.state === 'hidden'
    ? unprovable(at.vmid)
    : new ProvisionerError('retry', `VM ${at.vmid} has gone while it was worked on`);
}

/** What was seen, as a machine that carries this stamp; throws `not-ours` when it does not. */
export function ours({ at, config }: Seen, stamp: OwnerStamp): Machine {
  const why = objection(at, config, stamp);
  const judged = judge(at, config, stamp.agent);
  if (why === undefined && judged.whose === 'ours') return judged.machine;
  throw new ProvisionerError(
    'not-ours',
    `VM ${at.vmid} is not this contract's machine: ${why ?? 'it carries no stamp'}`,
  );
}

/** Said of a machine that was seen before, so it is no clone on its way into the pool. */
export function unprovable(vmid: number): ProvisionerError {
  return new ProvisionerError(
    'not-ours',
    `VM ${vmid} exists and cannot be seen, so nothing proves that it is still this contract's machine: somebody else has the VMID, or it was taken out of the pool, or the token's rights have changed`,
  );
}

/** Said of a VMID that was chosen for a machine. */
export function hidden(vmid: number): ProvisionerError {
  return new ProvisionerError(
    'retry',
    `VMID ${vmid} is in use by something that cannot be seen, and no clone under way explains it`,
  );
}
