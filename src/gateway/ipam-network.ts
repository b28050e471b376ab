/** An IPv4 network as numbers: its first address and how many there are. */
export interface Ipv4Network {
  readonly base: number;
  readonly size: number;
  readonly prefixLength: number;
}

/** Reads `10.77.0.0/16`, which the configuration has checked. */
export function parseNetwork(text: string): Ipv4Network {
  const [address = '', length = ''] = text.split('/');
  const prefixLength = Number(length);
  return { base: toNumber(address), size: 2 ** (32 - prefixLength), prefixLength };
}

/** The host's own address in the network: the first. */
export function gatewayOf(network: Ipv4Network): string {
  return toText(network.base + 1);
}

/** True for an address that a machine may have: neither the network's own, nor the host's, nor the broadcast. */
export function isAssignable(network: Ipv4Network, address: string): boolean {
  const offset = toNumber(address) - network.base;
  return offset >= 2 && offset < network.size - 1;
}

export function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

export function toText(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}
