import { type CallContext, isProvisionerError, type Observed, type OwnedRef } from '../../src/provisioner/index.ts';
import type { Addresses } from './address.ts';
import type { Backend } from './backend.ts';
import { reasonOf } from './errors.ts';
import { instanceOf, powerOf } from './instance.ts';
import { judge, type Machine } from './judge.ts';
import { hasAgent } from './machine.ts';
import { findByStamp, lookAt, vmidOf } from './sight.ts';
import { sameStamp } from './stamp.ts';
import type { VmStatus } from './wire.ts';

/** The present truth about one machine: its configuration and state as the host has them now, not as lists show them. */
export async function observeMachine(backend: Backend, ref: OwnedRef, ctx: CallContext): Promise<Observed> {
  const vmid = vmidOf(ref);
  const found = vmid === undefined ? await searched(backend, ref, ctx) : await known(backend, vmid, ref, ctx);
  if (!('config' in found)) return found;
  const { node, config } = found;
  const status = await backend.pve.vms.status(found, ctx.signal);
  const { addresses, silent } = await askGuest(backend, found, status, ctx);
  const power = powerOf(status.status, status.lock ?? config['lock']);
  const unhealthy = ailment(status, silent);
  ctx.log.debug({ vmid: found.vmid, node, status: status.status }, 'proxmox: looked at a machine');
  return {
    state: 'present',
    instance: instanceOf(found, power, backend.settings, addresses, status.uptime),
    ...(unhealthy === undefined ? {} : { unhealthy }),
  };
}

type Found = Machine | Exclude<Observed, { state: 'present' }>;

async function known(backend: Backend, vmid: number, ref: OwnedRef, ctx: CallContext): Promise<Found> {
  const sight = await lookAt(backend, vmid, ctx);
  if (sight.state === 'hidden') return { state: 'unknown', why: `VM ${vmid} exists and cannot be seen` };
  if (sight.state === 'gone') return ref.externalId === undefined ? searched(backend, ref, ctx) : { state: 'absent' };
  const judged = judge(sight.at, sight.config, ref.stamp.agent);
  if (judged.whose === 'ours' && sameStamp(judged.machine.stamp, ref.stamp)) return judged.machine;
  // A stamp can be deleted by hand; a machine that lost it may still be the tenant's.
  const why = judged.whose === 'ours' ? 'it carries the stamp of another contract or operation' : judged.why;
  return { state: 'unknown', why: `VM ${vmid} is not this contract's machine: ${why}` };
}

async function searched(backend: Backend, ref: OwnedRef, ctx: CallContext): Promise<Found> {
  const [found] = await findByStamp(backend, ref.stamp, ctx);
  return found ?? { state: 'absent' };
}

/** `silent`: its agent has answered before and does not now. */
async function askGuest(
  { pve, book }: Backend,
  machine: Machine,
  { status }: VmStatus,
  ctx: CallContext,
): Promise<{ addresses: Addresses; silent: boolean }> {
  if (status !== 'running' || !hasAgent(machine.config)) return { addresses: book.known(machine), silent: false };
  const hasAnswered = book.hasAnswered(machine);
  try {
    return { addresses: book.heard(machine, await pve.agent.interfaces(machine, ctx.signal), ctx.log), silent: false };
  } catch (error) {
    if (!isProvisionerError(error) || ctx.signal.aborted) throw error;
    const reason = reasonOf(error);
    ctx.log.debug({ err: error, vmid: machine.vmid }, 'proxmox: a guest agent was not reached');
    return {
      addresses: book.known(machine),
      silent: hasAnswered && (reason === 'agent-down' || reason === 'agent-timeout'),
    };
  }
}

/** Until then a machine is booting, and its agent may come late. */
const BOOTED_SECONDS = 300;

function ailment({ status, qmpstatus, uptime = 0 }: VmStatus, silent: boolean): string | undefined {
  if (status !== 'running') return undefined;
  if (qmpstatus === 'io-error') return 'the machine stands still: its disk cannot be read or written';
  if (qmpstatus === 'paused' || qmpstatus === 'suspended') return 'the machine is paused';
  if (qmpstatus === 'internal-error' || qmpstatus === 'guest-panicked') return 'the machine has crashed';
  return silent && uptime >= BOOTED_SECONDS ? 'the guest agent does not answer any more' : undefined;
}
