import type { Pve } from '../call.ts';
import { parseProperties } from '../properties.ts';
import type { Guest } from '../state.ts';
import { inForce } from './config-view.ts';
import { OPTION_RULES } from './options/options.ts';

/** Whether the configuration has a guest agent at all. */
export function agentEnabled(guest: Guest): boolean {
  const text = inForce(guest).get('agent');
  const rules = OPTION_RULES['agent']?.properties;
  return text !== undefined && rules !== undefined && parseProperties(rules, text).get('enabled') === '1';
}

/** Whether the guest agent would answer at this moment. */
export function agentUp(pve: Pve, guest: Guest): boolean {
  return guest.guest.agent && !guest.paused && booted(pve, guest, pve.timings.agentMs);
}

/** Milliseconds until the guest agent will be up; infinite when it never comes up by itself. */
export function untilAgent(pve: Pve, guest: Guest): number {
  if (!guest.guest.agent || guest.paused || guest.boot === undefined) return Number.POSITIVE_INFINITY;
  return Math.max(0, guest.boot.at + pve.timings.agentMs - pve.clock.now());
}

/** Whether the system inside has been booting for at least so long. */
export function booted(pve: Pve, guest: Guest, ms: number): boolean {
  return guest.status === 'running' && guest.boot !== undefined && pve.clock.now() >= guest.boot.at + ms;
}

/** Seconds since the machine was switched on; a reset does not count. */
export function uptimeOf(pve: Pve, guest: Guest): number {
  return guest.startedAt === undefined ? 0 : Math.floor((pve.clock.now() - guest.startedAt) / 1000);
}

/**
 * Bytes since the tap device was made, from the guest's view: what was counted by hand, the chatter of an idle bridge, and
 * the guest's own when it has booted.
 */
export function trafficOf(pve: Pve, guest: Guest): { readonly in: number; readonly out: number } {
  if (guest.status !== 'running' || guest.startedAt === undefined) return { in: 0, out: 0 };
  const seconds = Math.floor((pve.clock.now() - (guest.traffic.since ?? guest.startedAt)) / 1000);
  // It asks for an address before it has one. Recorded: not a byte until then.
  const talks = booted(pve, guest, (pve.timings.agentMs + pve.timings.addressMs) / 2);
  return {
    in: guest.traffic.in + (seconds > 0 ? 110 + 2 * seconds : 0),
    out: guest.traffic.out + (talks ? 1864 + seconds : 0),
  };
}
