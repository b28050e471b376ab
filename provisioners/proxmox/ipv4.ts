/** An IPv4 address as a number; undefined when the text is not one in the usual form. */
export function ipv4Number(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  const parts = match.slice(1).map(Number);
  if (parts.some((part) => part > 255) || parts.join('.') !== text) return undefined;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

export function ipv4Text(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}

export interface Network {
  /** The addresses that a machine may have: neither the network's own nor that for everybody. */
  readonly first: number;
  readonly last: number;
  readonly prefix: number;
}

/** Reads `192.0.2.0/24`; undefined for what is no IPv4 network with room for two machines, or has bits behind its prefix. */
export function parseNetwork(text: string): Network | undefined {
  const [address = '', bits = '', ...more] = text.split('/');
  const start = ipv4Number(address);
  if (start === undefined || more.length > 0 || !/^\d{1,2}$/.test(bits)) return undefined;
  const prefix = Number(bits);
  if (prefix < 8 || prefix > 30) return undefined;
  const size = 2 ** (32 - prefix);
  return start % size === 0 ? { first: start + 1, last: start + size - 2, prefix } : undefined;
}
