import {
  type ExternalId,
  isProvisionerError,
  type Operation,
  type OwnedRef,
  type OwnerStamp,
  ProvisionerError,
} from '../../src/provisioner/index.ts';
import type { VmAt } from './api-vms.ts';
import { type Backend, finish, pause } from './backend.ts';
import { cutOff, cutOffClones } from './cut-off.ts';
import { reasonOf } from './errors.ts';
import { judge, objection } from './judge.ts';
import { isOn } from './options.ts';
import { hidden, ours, unprovable } from './owned.ts';
import { switchOff } from './power.ts';
import { awaitClones } from './recover.ts';
import { findByStamp, lookAt, vmidOf } from './sight.ts';

/**
 * Removes everything that carries exactly this stamp. A VMID that the backend itself once named for this machine and that belongs to
 * something else now is `not-ours`; one that was only chosen may have gone to somebody else, and is left to them.
 */
export async function destroyMachine(backend: Backend, ref: OwnedRef, op: Operation): Promise<void> {
  const leave = await turnOf(backend, ref.stamp, op);
  try {
    const vmid = vmidOf(ref) ?? backend.chosen.get(ref.stamp.operation);
    const stranger = vmid === undefined ? undefined : await removeKnown(backend, vmid, ref, op);
    // Whatever clone is under way may be of this stamp, and shows in no list until it is done.
    if (ref.externalId === undefined) await awaitClones(backend, op);
    const left = await findByStamp(backend, ref.stamp, op);
    for (const machine of left) await remove(backend, machine, ref.stamp, op);
    if (stranger !== undefined && left.length === 0) throw stranger;
    backend.chosen.delete(ref.stamp.operation);
  } finally {
    leave();
  }
}

/** Removes exactly this second machine of a stamp; see the plugin contract. */
export async function removeTwin(backend: Backend, twin: ExternalId, keep: OwnedRef, op: Operation): Promise<void> {
  const vmid = vmidOf({ externalId: twin, handles: {} });
  if (vmid === undefined || vmid === vmidOf(keep)) {
    throw new ProvisionerError('permanent', `VM ${twin} is the one to be kept`);
  }
  const sight = await lookAt(backend, vmid, op);
  if (sight.state === 'gone') return;
  if (sight.state === 'hidden') throw unprovable(vmid);
  await remove(backend, ours(sight, keep.stamp), keep.stamp, op);
}

/** Returns the error to throw when nothing else of this stamp is found. */
async function removeKnown(
  backend: Backend,
  vmid: number,
  ref: OwnedRef,
  op: Operation,
): Promise<ProvisionerError | undefined> {
  const patience = backend.clock.monotonic() + HIDDEN_MS;
  for (;;) {
    const sight = await lookAt(backend, vmid, op);
    if (sight.state === 'gone') return undefined;
    if (sight.state === 'hidden') {
      if (ref.externalId !== undefined) return unprovable(vmid);
      if (await awaitClones(backend, op)) continue;
      if (backend.clock.monotonic() > patience) {
        throw (await cutOffClones(backend, op)).has(vmid) ? cutOff(vmid) : hidden(vmid);
      }
      await pause(backend.clock, 500, op);
      continue;
    }
    const why = objection(sight.at, sight.config, ref.stamp);
    if (why === undefined) {
      await remove(backend, sight.at, ref.stamp, op);
      return undefined;
    }
    // What may have been ours is not passed over in the search for another.
    const unclear = judge(sight.at, sight.config, ref.stamp.agent).whose === 'unclear';
    if (ref.externalId === undefined && !unclear) return undefined;
    const stranger = new ProvisionerError('not-ours', `VM ${vmid} is not this contract's machine, and stays: ${why}`);
    if (unclear) throw stranger;
    return stranger;
  }
}

const HIDDEN_MS = 15_000;
const REMOVE_LIMIT_MS = 10 * 60_000;
const MAX_ROUNDS = 12;

/**
 * Switches one machine off and removes it, disks and all, and resolves when its VMID is free. Every round reads whose it is, and acts
 * on that only: a lost answer costs a round.
 */
async function remove(backend: Backend, at: VmAt, stamp: OwnerStamp, op: Operation): Promise<void> {
  const { pve, registry, book, ids, reservations, clock } = backend;
  for (let round = 1; round <= MAX_ROUNDS; round++) {
    if (round > 2) await pause(clock, Math.min(500 * round, 5_000), op);
    const sight = await lookAt(backend, at.vmid, op, round === 1 ? at.node : undefined);
    if (sight.state === 'gone') return done();
    if (sight.state === 'hidden') {
      await awaitClones(backend, op);
      continue;
    }
    const machine = ours(sight, stamp);
    if (isOn(machine.config['protection'])) {
      throw new ProvisionerError(
        'config',
        `VM ${at.vmid} is protected from removal: switch that option off if its contract has ended for you too`,
      );
    }
    const lock = machine.config['lock'];
    if (lock === 'clone' || lock === 'create') {
      await awaitClones(backend, op);
      continue;
    }
    try {
      await switchOff(backend, machine, 'at-once', op);
      const still = ours(await thereAgain(backend, machine, op), stamp);
      await finish(backend, await pve.vms.remove(still, op.signal), {
        doing: `remove VM ${at.vmid}`,
        limitMs: REMOVE_LIMIT_MS,
        signal: op.signal,
      });
    } catch (error) {
      // No right is also what a machine that has just gone answers: it took its place in the pool along.
      const settled = !isPassing(error) || (reasonOf(error) === 'no-right' && round > 2);
      if (op.signal.aborted || settled) throw error;
      op.log.info({ err: error, vmid: at.vmid }, 'proxmox: looking again what became of a removal');
    }
    if (await pve.cluster.isIdFree(at.vmid, op.signal)) return done();
  }
  if ((await cutOffClones(backend, op)).has(at.vmid)) throw cutOff(at.vmid);
  throw new ProvisionerError('retry', `VM ${at.vmid} is still there although Proxmox was asked to remove it`);

  function done(): void {
    registry.forget(at.vmid);
    book.forget(at.vmid);
    ids.noteUsed(at.vmid);
    reservations.release(at.vmid, 'given-up');
  }
}

async function thereAgain(backend: Backend, at: VmAt, op: Operation) {
  const sight = await lookAt(backend, at.vmid, op, at.node);
  if (sight.state === 'there') return sight;
  throw new ProvisionerError('unknown-outcome', `VM ${at.vmid} went away while it was being removed`);
}

/** What the next round may find settled: the machine is gone, was moved or switched on again, is locked, or an answer was lost. */
function isPassing(error: unknown): boolean {
  const reason = reasonOf(error);
  if (reason === 'vm-missing' || reason === 'running' || reason === 'lock-timeout' || reason === 'no-right')
    return true;
  return isProvisionerError(error) && error.kind === 'unknown-outcome' && reason !== 'task-running';
}

async function turnOf({ gate }: Backend, { operation }: OwnerStamp, op: Operation): Promise<() => void> {
  try {
    return await gate.enter({ name: `operation ${operation}`, width: 1 }, op.signal);
  } catch (cause) {
    throw new ProvisionerError('retry', 'Cancelled before anything was asked of Proxmox', { cause });
  }
}
