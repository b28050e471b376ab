import { type MachineOrder, type Operation, ProvisionerError } from '../../src/provisioner/index.ts';
import type { Place } from './admission.ts';
import { type Backend, finish } from './backend.ts';
import type { Lane } from './gate.ts';
import type { Machine } from './judge.ts';
import { verified } from './owned.ts';
import { HANDLE } from './sight.ts';
import { describeMachine } from './stamp.ts';

const LINKED_LIMIT_MS = 5 * 60_000;
/** A big image on slow disks, behind another copy. */
const COPY_LIMIT_MS = 60 * 60_000;

/**
 * Clones the template to the VMID of `place`, with name and stamp from the first moment, and waits until that is done: until then
 * the new machine is locked, and invisible to a token that has rights on its pool only. The VMID is remembered before anything is
 * asked, the task's id as soon as it is known. Errors are those of the call or the task.
 */
export async function cloneTemplate(
  backend: Backend,
  place: Place,
  order: MachineOrder,
  op: Operation,
): Promise<Machine> {
  const { pve, settings, gate } = backend;
  const { vmid, template, node, how } = place;
  const leave = await enter(laneOf(place));
  try {
    await op.remember(HANDLE.vmid, String(vmid));
    const upid = await pve.vms.clone(
      template,
      {
        newid: vmid,
        name: order.name,
        description: describeMachine({ ...order.stamp, vmid, name: order.name, stage: 'cloned' }),
        how,
        ...(settings.pool === undefined ? {} : { pool: settings.pool }),
        ...(node === template.node ? {} : { target: node }),
      },
      op.signal,
    );
    await op.remember(HANDLE.upid, upid);
    const limitMs = how === 'linked' ? LINKED_LIMIT_MS : COPY_LIMIT_MS;
    await finish(backend, upid, { doing: `clone VM ${template.vmid} to VM ${vmid}`, limitMs, signal: op.signal });
  } finally {
    leave();
  }
  return verified(backend, { node, vmid }, order.stamp, op);

  async function enter(lane: Lane): Promise<() => void> {
    try {
      return await gate.enter(lane, op.signal);
    } catch (cause) {
      throw new ProvisionerError('retry', `Cancelled while waiting to clone VM ${template.vmid}`, { cause });
    }
  }
}

/**
 * Whole copies at the same time starve each other. Linked ones only queue for the storage's lock, a moment each: it is waited for 10 s,
 * and that of a shared storage is tried for once in a second.
 */
function laneOf({ how, node, storage, storages }: Place): Lane {
  const shared = storages.some((each) => each.storage === storage && each.shared);
  const where = shared ? storage : `${storage} on ${node}`;
  if (how !== 'linked') return { name: `copies to ${where}`, width: 2 };
  return { name: `clones on ${where}`, width: shared ? 6 : 24 };
}
