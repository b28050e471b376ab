import { BlockList, isIP } from 'node:net';
import { Document } from 'yaml';
import { CloudInitError } from './cloud-init.ts';

/** What a machine is told of its network, where its addresses are fixed beforehand. */
export interface NetworkPart {
  /** The hardware address of the card that all of it is for. */
  readonly mac: string;
  /** IPv4 or IPv6, one at least; `prefixLength` is that of their network. */
  readonly addresses: readonly { readonly address: string; readonly prefixLength: number }[];
  /** At most one of each kind, in one of those networks. */
  readonly gateways: readonly string[];
  readonly nameservers: readonly string[];
}

/**
 * A network-config document for cloud-init, version 2: a document of its own, beside the user data, which may not say this. The card is
 * known by its hardware address and gets its name from us, so that every renderer (netplan, networkd, ifupdown, sysconfig) knows it.
 * Nothing is asked of DHCP. Throws CloudInitError for what is no address, and for a gateway that could not be reached.
 */
export function networkConfig({ mac, addresses, gateways, nameservers }: NetworkPart): string {
  const networks = addresses.map(networkOf);
  if (networks.length === 0) throw new CloudInitError('A machine with a fixed network needs an address.');
  const routes = gateways.map((gateway) => ({ to: EVERYWHERE[familyOf(gateway)], via: reachable(gateway, networks) }));
  if (new Set(routes.map(({ to }) => to)).size < routes.length)
    throw new CloudInitError('A machine has at most one gateway for each kind of address.');
  for (const server of nameservers) familyOf(server);
  const card = {
    match: { macaddress: hardwareAddress(mac) },
    'set-name': 'eth0',
    dhcp4: false,
    dhcp6: false,
    addresses: addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`),
    ...(routes.length === 0 ? {} : { routes }),
    ...(nameservers.length === 0 ? {} : { nameservers: { addresses: nameservers } }),
  };
  const document = new Document({ version: 2, ethernets: { eth0: card } }, { aliasDuplicateObjects: false });
  return document.toString({ lineWidth: 0, defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN' });
}

type Family = 'ipv4' | 'ipv6';

/** In words of old cloud-inits: `default` is not known to that of Debian 12 outside of netplan. */
const EVERYWHERE: Readonly<Record<Family, string>> = { ipv4: '0.0.0.0/0', ipv6: '::/0' };
const BITS: Readonly<Record<Family, number>> = { ipv4: 32, ipv6: 128 };

function familyOf(address: string): Family {
  const version = isIP(address);
  // A zone belongs to one machine's own cards.
  if (version === 0 || address.includes('%'))
    throw new CloudInitError(`${JSON.stringify(address.slice(0, 64))} is no IP address.`);
  return version === 4 ? 'ipv4' : 'ipv6';
}

function networkOf({ address, prefixLength }: NetworkPart['addresses'][number]): BlockList {
  const family = familyOf(address);
  if (!Number.isInteger(prefixLength) || prefixLength < 1 || prefixLength > BITS[family])
    throw new CloudInitError(`${prefixLength} is no length of a network's prefix.`);
  const network = new BlockList();
  network.addSubnet(address, prefixLength, family);
  return network;
}

function reachable(gateway: string, networks: readonly BlockList[]): string {
  const family = familyOf(gateway);
  if (networks.some((network) => network.check(gateway, family))) return gateway;
  throw new CloudInitError(`The gateway ${gateway} is in none of the machine's networks.`);
}

/** Lower case, as the kernel writes it: some renderers compare letters. Groups and nobody are no card. */
function hardwareAddress(mac: string): string {
  const text = mac.toLowerCase();
  if (/^(?!00:00:00:00:00:00)[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/.test(text)) return text;
  throw new CloudInitError(`${JSON.stringify(mac.slice(0, 64))} is no hardware address of a network card.`);
}
