import { gatewayOf, parseNetwork } from './ipam-network.ts';
import type { Rule } from './nft-chains.ts';
import { ACCEPT, concat, DROP, is, isNot, meta, type NftExpression, oneOf, payload, prefix } from './nft-json.ts';
import type { KernelAbility } from './nft-kernel.ts';
import type { NetworkSettings } from './plan-settings.ts';

/**
 * What goes from port to port of a bridge never comes by the rules for routed traffic. So neighbours are kept apart here, and here
 * alone can be seen which network card a packet came from. Works by addresses, which need no knowledge of bridges; where the
 * kernel tells a bridge's name too, nothing at all passes between ports of the tenants' bridges.
 */
export function bridgeRules(settings: NetworkSettings, ability: Exclude<KernelAbility['bridge'], 'none'>): Rule[] {
  const own = prefix(settings.tenantNetwork);
  const { tenantInterfaces } = settings;
  const ports = (...expr: NftExpression[]): Rule => ({ family: 'bridge', chain: 'ports', expr });
  const between = (...expr: NftExpression[]): Rule => ({ family: 'bridge', chain: 'between', expr });
  const names = ability === 'names' && tenantInterfaces.length > 0;
  return [
    // No machine talks to another's address: what it sends there straight ends here, whatever network card it is sent to.
    ports(is(to, own), isNot(to, gatewayOf(parseNetwork(settings.tenantNetwork))), DROP),
    ports(is(concat(card, from), '@bound'), ACCEPT),
    ports(is(from, '@strict'), DROP),
    // ARP: who claims an address that is another's, the host's or nobody's would get its traffic.
    ports(is(concat(arpCard, arpFrom), '@bound'), ACCEPT),
    ports(is(arpFrom, '@strict'), DROP),
    ports(is(arpFrom, '@loose'), ACCEPT),
    ports(is(arpFrom, own), DROP),
    // Where bridged packets pass the rules for routed ones as well (bridge-nf-call-iptables, as beside pve-firewall and Docker), one that
    // was sent to a public port is translated on the bridge and goes on here. Only such a one can have both addresses.
    between(is(from, own), is(to, own), ACCEPT),
    ...(names ? [between(is(meta('ibrname'), oneOf(tenantInterfaces)), DROP)] : []),
    between(is(from, own), DROP),
    between(is(to, own), DROP),
    between(is(arpFrom, own), DROP),
    between(is(payload('arp', 'daddr ip'), own), DROP),
    between(is(card, '@cards'), DROP),
  ];
}

const card = payload('ether', 'saddr');
const from = payload('ip', 'saddr');
const to = payload('ip', 'daddr');
const arpCard = payload('arp', 'saddr ether');
const arpFrom = payload('arp', 'saddr ip');
