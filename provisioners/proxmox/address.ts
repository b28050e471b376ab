import { isIPv4, isIPv6 } from 'node:net';
import { ProvisionerError } from '../../src/provisioner/index.ts';
import { ipv4Number, ipv4Text, parseNetwork } from './ipv4.ts';
import { macOf, staticIpv4 } from './machine.ts';
import type { StaticPool } from './schema.ts';
import type { VmConfig } from './wire.ts';
import type { GuestInterface } from './wire-agent.ts';

export interface Addresses {
  readonly ipv4?: string;
  readonly ipv6?: string;
}

/**
 * The addresses that count, from what the guest agent says. The tenant controls what it says, so only the card with the machine's
 * own MAC is looked at, only addresses that others can reach, and an IPv4 address that was assigned is believed over any claim.
 */
export function addressesOf(config: VmConfig, claims: readonly GuestInterface[]): Addresses {
  const mac = macOf(config);
  const claimed = claims
    .filter((card) => mac !== undefined && card.mac === mac && card.name !== 'lo')
    .flatMap((card) => card.addresses.map(({ address }) => address));
  const ipv4 = staticIpv4(config) ?? claimed.find(isUsableIpv4);
  const ipv6 = claimed.map((address) => address.toLowerCase()).find(isUsableIpv6);
  return { ...(ipv4 === undefined ? {} : { ipv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) };
}

/** An address of the pool that nobody has; throws `capacity`. */
export function chooseAddress(pool: StaticPool, taken: ReadonlySet<string>): string {
  const { first, last } = rangeOf(pool);
  const kept = new Set([...taken, gatewayOf(pool)]);
  for (let number = first; number <= last; number++) {
    const address = ipv4Text(number);
    if (!kept.has(address)) return address;
  }
  throw new ProvisionerError(
    'capacity',
    `All addresses from ${ipv4Text(first)} to ${ipv4Text(last)} belong to machines: extend 'address'`,
  );
}

/** How many machines could still get an address. */
export function addressesFree(pool: StaticPool, taken: ReadonlySet<string>): number {
  const { first, last } = rangeOf(pool);
  const kept = new Set([...taken, gatewayOf(pool)]);
  return last - first + 1 - [...kept].filter((address) => isInPool(pool, address)).length;
}

export function isInPool(pool: StaticPool, address: string): boolean {
  const number = ipv4Number(address);
  const { first, last } = rangeOf(pool);
  return number !== undefined && number >= first && number <= last;
}

/** The value of `ipconfig0`. */
export function ipConfig(pool: StaticPool, address: string): string {
  return `ip=${address}/${networkOf(pool).prefix},gw=${gatewayOf(pool)}`;
}

function rangeOf(pool: StaticPool): { first: number; last: number } {
  const network = networkOf(pool);
  const first = ipv4Number(pool.first ?? '') ?? (pool.gateway === undefined ? network.first + 1 : network.first);
  return { first, last: ipv4Number(pool.last ?? '') ?? network.last };
}

function gatewayOf(pool: StaticPool): string {
  return pool.gateway ?? ipv4Text(networkOf(pool).first);
}

function networkOf(pool: StaticPool) {
  const network = parseNetwork(pool.cidr);
  if (network === undefined) throw new ProvisionerError('config', `'${pool.cidr}' is no IPv4 network`);
  return network;
}

/** Neither of this host alone, nor what a card gives itself when nobody answers, nor for many. */
function isUsableIpv4(address: string): boolean {
  if (!isIPv4(address)) return false;
  const [a = 0, b = 0] = address.split('.').map(Number);
  return a !== 0 && a !== 127 && a < 224 && !(a === 169 && b === 254);
}

/** Global unicast only: link-local and private (fc00::/7) addresses are no use outside. */
function isUsableIpv6(address: string): boolean {
  return isIPv6(address) && /^[23]/.test(address);
}
