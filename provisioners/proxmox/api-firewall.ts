import { z } from 'zod';
import type { VmAt } from './api-vms.ts';
import type { Call } from './call.ts';
import { type Params, path } from './call-request.ts';
import { writes } from './gate-lanes.ts';
import { nothing } from './wire.ts';
import * as wire from './wire-firewall.ts';

/** A guest's firewall. Needs VM.Config.Network. A clone gets a copy of its template's; removing a guest removes it. */
export interface FirewallCalls {
  options(vm: VmAt, signal: AbortSignal): Promise<wire.VmFirewall>;
  /** By Proxmox's names: `enable`, `macfilter`, `ipfilter`, `policy_in`, … */
  setOptions(vm: VmAt, options: Params, signal: AbortSignal): Promise<void>;
  rules(vm: VmAt, signal: AbortSignal): Promise<wire.FirewallRule[]>;
  /** Puts a rule in front of the others; asked again it would be there twice. */
  addRule(vm: VmAt, rule: Params, signal: AbortSignal): Promise<void>;
  ipsets(vm: VmAt, signal: AbortSignal): Promise<{ name: string }[]>;
  /** One that exists is refused with the reason `exists`. */
  addIpset(vm: VmAt, name: string, signal: AbortSignal): Promise<void>;
  ipset(vm: VmAt, name: string, signal: AbortSignal): Promise<{ cidr: string }[]>;
  /** An address that is in it is refused with the reason `exists`. */
  addToIpset(vm: VmAt, name: string, cidr: string, signal: AbortSignal): Promise<void>;
  removeFromIpset(vm: VmAt, name: string, cidr: string, signal: AbortSignal): Promise<void>;
}

export function firewallCalls(call: Call): FirewallCalls {
  const read = { method: 'GET', effect: 'none' } as const;
  const write = (vm: VmAt) => ({ effect: 'repeatable', lane: writes(vm.node), answer: nothing }) as const;
  const at = ({ node, vmid }: VmAt): string => path`/nodes/${node}/qemu/${vmid}/firewall`;
  const of = ({ vmid }: VmAt): string => `the firewall of VM ${vmid}`;
  return {
    options: (vm, signal) =>
      call({ ...read, doing: `describe ${of(vm)}`, path: `${at(vm)}/options`, answer: wire.vmFirewall }, signal),

    setOptions: (vm, params, signal) =>
      call({ ...write(vm), method: 'PUT', doing: `set ${of(vm)}`, path: `${at(vm)}/options`, params }, signal),

    rules: (vm, signal) =>
      call(
        { ...read, doing: `list rules of ${of(vm)}`, path: `${at(vm)}/rules`, answer: z.array(wire.firewallRule) },
        signal,
      ),

    addRule: (vm, params, signal) =>
      call(
        {
          ...write(vm),
          effect: 'once',
          method: 'POST',
          doing: `add a rule to ${of(vm)}`,
          path: `${at(vm)}/rules`,
          params,
        },
        signal,
      ),

    ipsets: (vm, signal) =>
      call(
        { ...read, doing: `list IP sets of ${of(vm)}`, path: `${at(vm)}/ipset`, answer: z.array(wire.ipset) },
        signal,
      ),

    addIpset: (vm, name, signal) =>
      call(
        {
          ...write(vm),
          method: 'POST',
          doing: `add IP set ${name} to ${of(vm)}`,
          path: `${at(vm)}/ipset`,
          params: { name },
        },
        signal,
      ),

    ipset: (vm, name, signal) =>
      call(
        {
          ...read,
          doing: `list IP set ${name} of ${of(vm)}`,
          path: `${at(vm)}${path`/ipset/${name}`}`,
          answer: z.array(wire.ipsetEntry),
        },
        signal,
      ),

    addToIpset: (vm, name, cidr, signal) =>
      call(
        {
          ...write(vm),
          method: 'POST',
          doing: `add ${cidr} to IP set ${name} of ${of(vm)}`,
          path: `${at(vm)}${path`/ipset/${name}`}`,
          params: { cidr },
        },
        signal,
      ),

    removeFromIpset: (vm, name, cidr, signal) =>
      call(
        {
          ...write(vm),
          method: 'DELETE',
          doing: `take ${cidr} out of IP set ${name} of ${of(vm)}`,
          path: `${at(vm)}${path`/ipset/${name}/${cidr}`}`,
        },
        signal,
      ),
  };
}
