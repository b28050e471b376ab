import { type CallContext, isProvisionerError, ProvisionerError } from '../../src/provisioner/index.ts';
import type { Addresses } from './address.ts';
import type { VmAt } from './api-vms.ts';
import { type Backend, pause } from './backend.ts';
import { reasonOf } from './errors.ts';
import type { PveReason } from './errors-rules.ts';
import type { Machine } from './judge.ts';
import { staticIpv4 } from './machine.ts';

const FIRST_PAUSE_MS = 250;
/** One look at a node serves all machines that boot there. */
const ROUNDUP_MS = 400;
/** A machine that is never seen to send anything is asked all the same, so often: a counter may be wrong. */
const ASK_ANYWAY_MS = 30_000;

/** What a machine that boots, or a busy node, answers. */
export const NOT_YET: ReadonlySet<PveReason | undefined> = new Set<PveReason>([
  'agent-down',
  'agent-timeout',
  'agent-failed',
]);

/**
 * The addresses of a machine that was just started. One that was assigned is known at once; one that DHCP gives is known to nobody but
 * the guest agent, which may be up before it. Throws `retry` when none shows in `ip_wait_attempts` times `ip_wait_interval_secs`.
 *
 * A question to an agent that is not up holds one of the node's three workers for 3 s, so none is asked before its machine has sent
 * something: without that it cannot have got an address.
 */
export async function waitForAddress(backend: Backend, machine: Machine, ctx: CallContext): Promise<Addresses> {
  const { pve, book, clock, settings } = backend;
  if (staticIpv4(machine.config) !== undefined) return book.known(machine);
  const longestPauseMs = settings.ip_wait_interval_secs * 1000;
  const limitMs = settings.ip_wait_attempts * longestPauseMs;
  const started = clock.monotonic();
  let askAt = started + Math.min(ASK_ANYWAY_MS, limitMs / 2);
  let talks = false;
  let pauseMs = FIRST_PAUSE_MS;
  let heard = 'the guest agent has not answered';
  for (;;) {
    try {
      if (!talks && (await hasSent(backend, machine, ctx))) {
        talks = true;
        pauseMs = FIRST_PAUSE_MS;
      }
      if (talks || clock.monotonic() >= askAt) {
        askAt = clock.monotonic() + ASK_ANYWAY_MS;
        const addresses = book.heard(machine, await pve.agent.interfaces(machine, ctx.signal), ctx.log);
        if (addresses.ipv4 !== undefined) return addresses;
        // Not every network has IPv4: after half of the time the other kind will do.
        if (addresses.ipv6 !== undefined && clock.monotonic() - started > limitMs / 2) return addresses;
        heard = 'the guest agent answers, and shows no usable address on the card of net0';
      }
    } catch (error) {
      if (!isBooting(error) || ctx.signal.aborted) throw error;
      ctx.log.debug({ err: error, vmid: machine.vmid }, 'proxmox: no address yet');
    }
    const passed = clock.monotonic() - started;
    if (passed >= limitMs)
      throw tooLate(machine, limitMs, talks ? heard : `it has sent nothing to its network; ${heard}`);
    pauseMs = Math.min(talks ? pauseMs * 1.1 : Math.max(pauseMs, passed / 40), longestPauseMs);
    await pause(clock, Math.min(pauseMs, limitMs - passed), ctx);
  }
}

/** Whether the machine has sent anything since it was started. True where the node does not count. */
export async function hasSent(
  { pve, roundups }: Backend,
  { node, vmid }: VmAt,
  { signal }: CallContext,
): Promise<boolean> {
  const guests = await roundups.recent(node, ROUNDUP_MS, { ask: () => pve.vms.onNode(node, signal), signal });
  return (guests.find((guest) => guest.vmid === vmid)?.netout ?? 1) > 0;
}

function isBooting(error: unknown): boolean {
  if (NOT_YET.has(reasonOf(error))) return true;
  // A read that failed on the way says nothing about the machine; one that is off again does.
  return isProvisionerError(error) && error.kind === 'retry' && reasonOf(error) !== 'not-running';
}

function tooLate({ vmid }: Machine, limitMs: number, heard: string): ProvisionerError {
  return new ProvisionerError(
    'retry',
    `VM ${vmid} runs, and its address is not known after ${Math.round(limitMs / 1000)} s: ${heard}. Does the template's image have qemu-guest-agent, and the network DHCP? With 'address' as a range neither is needed`,
    { publicText: 'The machine was made and did not come up in time.' },
  );
}
