import { z } from 'zod';
import { count, flag, maybe, text, truth } from './wire-scalars.ts';

export const vmFirewall = z.object({
  enable: flag,
  dhcp: maybe(truth),
  /** On unless switched off. */
  macfilter: maybe(truth),
  ipfilter: maybe(truth),
  policy_in: maybe(text),
  policy_out: maybe(text),
});
export type VmFirewall = z.infer<typeof vmFirewall>;

/** The datacenter's switch is a number: 0 = off, which makes every other firewall setting idle. */
export const datacenterFirewall = z.object({ enable: flag });

export const firewallRule = z.object({
  pos: count,
  type: text,
  action: text,
  enable: flag,
  comment: maybe(text),
});
export type FirewallRule = z.infer<typeof firewallRule>;

export const ipset = z.object({ name: text, comment: maybe(text) });

export const ipsetEntry = z.object({ cidr: text, comment: maybe(text) });
