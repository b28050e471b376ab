import {
  backoff,
  isProvisionerError,
  type MachineOrder,
  type Operation,
  type ProvisionerError,
} from '../../src/provisioner/index.ts';
import { admit } from './admission.ts';
import { type Backend, pause } from './backend.ts';
import { cloneTemplate } from './clone.ts';
import { remedyFor } from './cut-off.ts';
import { PveProblem, reasonOf } from './errors.ts';
import type { Machine } from './judge.ts';
import { verified } from './owned.ts';
import { awaitClones, whatRemains } from './recover.ts';
import { findByStamp, vmidOf } from './sight.ts';

const MAX_ROUNDS = 10;
const MAX_LOST_ANSWERS = 3;
const FIRST_BACKOFF_MS = 1_000;
const LONGEST_BACKOFF_MS = 15_000;

/**
 * The machine of an order, in whatever state: the one that an earlier attempt made, else a new clone. At most one is ever made:
 * the VMID is remembered before the host is asked for it, and until it is certain that nothing came of an attempt, no other is asked
 * for. Throws what no further round can change.
 */
export async function obtain(backend: Backend, order: MachineOrder, op: Operation): Promise<Machine> {
  const { clock, random, reservations } = backend;
  const before = backend.chosen.get(op.id) ?? vmidOf({ handles: op.handles });
  const attempt: Attempt = {
    vmid: before,
    look: op.attempt > 1 || op.outcomeUnknown || before !== undefined,
    mayCome: before !== undefined,
  };
  let lost = 0;
  for (let round = 1; ; round++) {
    try {
      const found = attempt.look ? await leftBehind(backend, attempt, order, op) : undefined;
      return found ?? (await make(backend, attempt, order, op));
    } catch (error) {
      if (attempt.vmid !== undefined) reservations.release(attempt.vmid, 'given-up');
      if (!isProvisionerError(error) || op.signal.aborted || round >= MAX_ROUNDS) throw error;
      const next = whatNext(error, attempt.vmid);
      if (next === undefined || (next === 'look' && ++lost > MAX_LOST_ANSWERS)) throw error;
      op.log.info({ err: error, vmid: attempt.vmid, next }, 'proxmox: cloning goes into another round');
      attempt.look = true;
      if (next === 'look') attempt.mayCome = true;
      if (next === 'another-id' && !attempt.mayCome) {
        forgetId(backend, attempt, op);
        attempt.look = false;
      }
      if (next === 'wait') await pause(clock, backoff(random, round, FIRST_BACKOFF_MS, LONGEST_BACKOFF_MS), op);
    }
  }
}

interface Attempt {
  vmid: number | undefined;
  /** Something may exist: look before making anything. */
  look: boolean;
  /** A request for this VMID was sent whose end is not known: what has the VMID may be ours. */
  mayCome: boolean;
}

/** Undefined when there is nothing. */
async function leftBehind(
  backend: Backend,
  attempt: Attempt,
  order: MachineOrder,
  op: Operation,
): Promise<Machine | undefined> {
  let half: number | undefined;
  if (attempt.vmid !== undefined) {
    const remains = await whatRemains(backend, attempt.vmid, op, order.stamp);
    if (remains.state === 'made') return remains.machine;
    if (remains.state === 'nothing') return undefined;
    if (remains.state === 'cut-off') {
      half = attempt.vmid;
      const remedy = remedyFor(attempt.vmid);
      op.log.warn(
        { vmid: half, remedy },
        'proxmox: half a machine stays behind, since its host failed; making another',
      );
    } else {
      op.log.warn({ vmid: attempt.vmid, why: remains.why }, 'proxmox: somebody else has the VMID that was chosen');
    }
    forgetId(backend, attempt, op);
  }
  await awaitClones(backend, op);
  const [found] = (await findByStamp(backend, order.stamp, op)).filter(({ vmid }) => vmid !== half);
  return found === undefined ? undefined : verified(backend, found, order.stamp, op);
}

async function make(backend: Backend, attempt: Attempt, order: MachineOrder, op: Operation): Promise<Machine> {
  const place = await admit(backend, order, op, attempt.vmid);
  if (attempt.vmid === undefined && !(await backend.pve.cluster.isIdFree(place.vmid, op.signal))) {
    backend.reservations.release(place.vmid, 'given-up');
    throw new PveProblem('retry', 'exists', `VMID ${place.vmid} is in use by a guest that the token cannot see`);
  }
  attempt.vmid = place.vmid;
  remember(backend.chosen, op.id, place.vmid);
  return cloneTemplate(backend, place, order, op);
}

/** Undefined: the error is for the caller. */
function whatNext(error: ProvisionerError, vmid: number | undefined): 'another-id' | 'wait' | 'look' | undefined {
  const reason = reasonOf(error);
  if (reason === 'exists') return 'another-id';
  if (reason === 'lock-timeout') {
    // Of two clones to one VMID the second waits for the lock of the new machine, in vain.
    const [, locked] = /lock-(\d+)\.conf/.exec(error.message) ?? [];
    return locked !== undefined && Number(locked) === vmid ? 'another-id' : 'wait';
  }
  if (reason === 'locked') return 'wait';
  return error.kind === 'unknown-outcome' ? 'look' : undefined;
}

/** The oldest are dropped: by then the operation's own handles tell. */
function remember(chosen: Backend['chosen'], operation: Operation['id'], vmid: number): void {
  chosen.set(operation, vmid);
  const [oldest] = chosen.keys();
  if (chosen.size > 1_000 && oldest !== undefined) chosen.delete(oldest);
}

function forgetId(backend: Backend, attempt: Attempt, op: Operation): void {
  attempt.vmid = undefined;
  attempt.mayCome = false;
  backend.chosen.delete(op.id);
}
