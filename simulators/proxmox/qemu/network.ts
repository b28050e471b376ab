import type { Pve } from '../call.ts';
import type { Guest } from '../state.ts';
import { inForce } from './config-view.ts';
import { parseNet } from './options/net.ts';
import { booted, trafficOf } from './running.ts';

/** One interface as `guest-network-get-interfaces` tells it. */
export interface Interface {
  readonly name: string;
  readonly 'hardware-address': string;
  readonly 'ip-addresses'?: readonly Address[];
  readonly statistics: Readonly<Record<string, number>>;
}

interface Address {
  readonly 'ip-address': string;
  readonly 'ip-address-type': 'ipv4' | 'ipv6';
  readonly prefix: number;
}

/**
 * What the guest says of its interfaces: the agent is up before DHCP has an answer, so addresses are missing at first, then
 * only the link-local one is there, then all.
 */
export function interfacesOf(pve: Pve, guest: Guest): Interface[] {
  const { in: received, out: sent } = trafficOf(pve, guest);
  const shown: Interface[] = [
    {
      name: 'lo',
      'hardware-address': '00:00:00:00:00:00',
      'ip-addresses': [
        { 'ip-address': '127.0.0.1', 'ip-address-type': 'ipv4', prefix: 8 },
        { 'ip-address': '::1', 'ip-address-type': 'ipv6', prefix: 128 },
      ],
      statistics: statistics(0, 0),
    },
  ];
  for (const [name, text] of inForce(guest)) {
    const number = /^net(\d+)$/.exec(name)?.[1];
    const mac = number === undefined ? undefined : parseNet(text).get('macaddr')?.toLowerCase();
    if (mac === undefined) continue;
    const first = number === '0';
    const addresses = addressesOf(pve, guest, mac, first);
    shown.push({
      name: `eth${number}`,
      'hardware-address': mac,
      ...(addresses.length === 0 ? {} : { 'ip-addresses': addresses }),
      statistics: statistics(first ? received : 0, first ? sent : 0),
    });
  }
  return shown;
}

function addressesOf(pve: Pve, guest: Guest, mac: string, first: boolean): Address[] {
  const { agentMs, addressMs } = pve.timings;
  const linkLocal: Address = { 'ip-address': linkLocalOf(mac), 'ip-address-type': 'ipv6', prefix: 64 };
  if (!booted(pve, guest, addressMs)) return booted(pve, guest, (agentMs + addressMs) / 2) ? [linkLocal] : [];
  if (!first) return [linkLocal];
  return [...ipv4(guest), linkLocal, ...ipv6(guest)];
}

/** The static address that cloud-init was told at boot, else what DHCP gives. */
function ipv4(guest: Guest): Address[] {
  const network = firstInterface(guest);
  const [, told, mask] = /- type: static\n\s+address: '([\d.]+)'\n\s+netmask: '([\d.]+)'/.exec(network) ?? [];
  const address = told ?? (network === '' || network.includes('type: dhcp4') ? guest.guest.addresses.ipv4 : undefined);
  const prefix = mask === undefined ? 24 : mask.split('.').reduce((bits, part) => bits + ones(Number(part)), 0);
  return address === undefined ? [] : [{ 'ip-address': address, 'ip-address-type': 'ipv4', prefix }];
}

function ipv6(guest: Guest): Address[] {
  const network = firstInterface(guest);
  const [, told, length] = /- type: static6\n\s+address: '([^'/]+)\/(\d+)'/.exec(network) ?? [];
  const address = told ?? (network === '' || /ipv6_slaac|dhcp6/.test(network) ? guest.guest.addresses.ipv6 : undefined);
  return address === undefined
    ? []
    : [{ 'ip-address': address, 'ip-address-type': 'ipv6', prefix: length === undefined ? 64 : Number(length) }];
}

/** What cloud-init was told of the first interface; empty without a drive. */
function firstInterface(guest: Guest): string {
  return guest.boot?.network.split('- type: physical')[1] ?? '';
}

/** RFC 4291: the MAC with its seventh bit turned and `ff:fe` in the middle. */
function linkLocalOf(mac: string): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac.split(':').map((part) => Number.parseInt(part, 16));
  const groups = [(a ^ 2) * 256 + b, c * 256 + 0xff, 0xfe00 + d, e * 256 + f];
  return `fe80::${groups.map((group) => group.toString(16)).join(':')}`;
}

function statistics(received: number, sent: number): Record<string, number> {
  return {
    'rx-bytes': received,
    'rx-packets': Math.ceil(received / 110),
    'rx-errs': 0,
    'rx-dropped': 0,
    'tx-bytes': sent,
    'tx-packets': Math.ceil(sent / 90),
    'tx-errs': 0,
    'tx-dropped': 0,
  };
}

function ones(byte: number): number {
  return byte.toString(2).replaceAll('0', '').length;
}
