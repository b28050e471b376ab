import type { Random } from '../ports/random.ts';
import type { StaticAddress } from '../provisioner/contract.ts';
import { gatewayOf, isAssignable, parseNetwork, toNumber, toText } from './ipam-network.ts';

/** Nobody gets an address within this time after its last machine: what still talks to that one must not reach the next. */
export const ADDRESS_QUARANTINE_MS = 3_600_000;

/** An address that a contract has or had, as its ledger record says. */
export interface TakenAddress {
  readonly ipv4: string;
  /** When its machine was proven gone, in milliseconds since the epoch; absent while it has the address. */
  readonly freedAt?: number;
}

/**
 * An address of the network for a new machine, or undefined when none is free. One that nobody is remembered to have had comes
 * first, the lowest; then the one that has been free for longest. The same address for the same arguments, always.
 * `taken` may hold addresses of other networks, and one address several times; a clock that went back frees nothing.
 */
export function freeAddress(network: string, taken: Iterable<TakenAddress>, now: number): StaticAddress | undefined {
  const { base, size, prefixLength } = parseNetwork(network);
  const lastUse = latestUses(taken);
  let oldest: { address: number; freedAt: number } | undefined;
  for (let address = base + 2; address < base + size - 1; address++) {
    const freedAt = lastUse.get(address);
    if (freedAt === undefined) return staticAddress(network, toText(address));
    if (now - freedAt < ADDRESS_QUARANTINE_MS) continue;
    if (oldest === undefined || freedAt < oldest.freedAt) oldest = { address, freedAt };
  }
  if (oldest === undefined) return undefined;
  return { ipv4: toText(oldest.address), prefixLength, gateway: gatewayOf({ base, size, prefixLength }) };
}

/**
 * An address for a machine of a test, which no contract's record names. One of the upper half, because an agent that runs meanwhile gives
 * the lowest away, and drawn, because nobody remembers what the test before had: this host goes on sending packets for the next machine at
 * one address to the network card of the last for up to a minute. Where those that are drawn are taken, the highest that is not.
 */
export function testAddress(
  network: string,
  taken: Iterable<TakenAddress>,
  random: Pick<Random, 'float'>,
): StaticAddress | undefined {
  const { base, size } = parseNetwork(network);
  const lastUse = latestUses(taken);
  const half = base + Math.floor(size / 2);
  for (let draw = 0; draw < DRAWS; draw++) {
    const address = half + Math.floor(random.float() * (base + size - 1 - half));
    if (address >= base + 2 && !lastUse.has(address)) return staticAddress(network, toText(address));
  }
  for (let address = base + size - 2; address >= base + 2; address--)
    if (!lastUse.has(address)) return staticAddress(network, toText(address));
  return undefined;
}

const DRAWS = 32;

/** What a machine is told of an address of the network; undefined where no machine may have it. */
export function staticAddress(network: string, ipv4: string): StaticAddress | undefined {
  const parsed = parseNetwork(network);
  if (!isAssignable(parsed, ipv4)) return undefined;
  return { ipv4, prefixLength: parsed.prefixLength, gateway: gatewayOf(parsed) };
}

/** When each address was last freed; never, for one that a machine has. */
function latestUses(taken: Iterable<TakenAddress>): Map<number, number> {
  const latest = new Map<number, number>();
  for (const { ipv4, freedAt = Number.POSITIVE_INFINITY } of taken) {
    const address = toNumber(ipv4);
    latest.set(address, Math.max(latest.get(address) ?? Number.NEGATIVE_INFINITY, freedAt));
  }
  return latest;
}
