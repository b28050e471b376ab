import { z } from 'zod';
import type { Cloud } from './cloud.ts';
import { selector } from './labels.ts';
import type { Firewall, FirewallRule, Server } from './state.ts';

/** How many firewalls one server may have, label selectors included. */
export const FIREWALLS_PER_SERVER = 5;

const cidrs = z
  .array(z.string().regex(/^[0-9a-fA-F.:]+\/\d{1,3}$/, 'must be in CIDR notation'))
  .max(100, 'at most 100 IPs')
  .default([]);

const rule = z
  .object({
    direction: z.enum(['in', 'out']),
    protocol: z.enum(['tcp', 'udp', 'icmp', 'esp', 'gre']),
    port: z
      .string()
      .regex(/^(any|\d{1,5}(-\d{1,5})?)$/)
      .nullish(),
    source_ips: cidrs,
    destination_ips: cidrs,
    description: z.string().max(255).nullish(),
  })
  .refine(({ protocol, port }) => (protocol === 'tcp' || protocol === 'udp') === (typeof port === 'string'), {
    path: ['port'],
    message: 'port is required for tcp and udp, and for nothing else',
  })
  .refine(({ direction, source_ips: from, destination_ips: to }) => (direction === 'in' ? from : to).length > 0, {
    message: 'source_ips (in) or destination_ips (out) must not be empty',
  });

/** The rules of a firewall, at most 50. */
export const firewallRules = z
  .array(rule)
  .max(50, 'at most 50 rules')
  .transform((rules) =>
    rules.map(
      (given): FirewallRule => ({ ...given, port: given.port ?? null, description: given.description ?? null }),
    ),
  );

/** The servers that a label selector means at this moment. */
export function serversOf({ project }: Cloud, text: string): Server[] {
  const holds = selector(text);
  return holds ? [...project.servers.values()].filter(({ labels }) => holds(labels)) : [];
}

/** A server's firewalls, both its own and those that a label selector gives it. */
export function firewallsOf(
  { project }: Cloud,
  server: Server,
): { readonly firewall: Firewall; readonly status: 'pending' | 'applied' }[] {
  return [...project.firewalls.values()].flatMap((firewall) => {
    const own = firewall.servers.get(server.id);
    if (own) return [{ firewall, status: own }];
    const selected = [...firewall.selectors].some((text) => selector(text)?.(server.labels) === true);
    return selected ? [{ firewall, status: server.status === 'initializing' ? 'pending' : 'applied' } as const] : [];
  });
}
