/** The few forms of DER that a certificate is written in (X.690). */

export function sequence(...items: readonly Uint8Array[]): Buffer {
  return tagged(0x30, Buffer.concat(items));
}

export function setOf(item: Uint8Array): Buffer {
  return tagged(0x31, item);
}

/** Of a number that is not negative. */
export function integer(bytes: Uint8Array): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0);
  const short = first < 0 ? Uint8Array.of(0) : bytes.subarray(first);
  return tagged(0x02, (short[0] ?? 0) < 0x80 ? short : Buffer.concat([Uint8Array.of(0), short]));
}

export function boolean(value: boolean): Buffer {
  return tagged(0x01, Uint8Array.of(value ? 0xff : 0));
}

export function objectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return tagged(0x06, Buffer.concat([base128(first * 40 + second), ...rest.map(base128)]));
}

export function utf8(text: string): Buffer {
  return tagged(0x0c, Buffer.from(text, 'utf8'));
}

/** With its fraction of bytes left empty: every bit counts. */
export function bitString(bytes: Uint8Array): Buffer {
  return tagged(0x03, Buffer.concat([Uint8Array.of(0), bytes]));
}

/** Named bits, as in a key usage: the highest bit of the first byte is bit 0, and closing zeros are cut. */
export function bitFlags(...bits: readonly number[]): Buffer {
  const byte = bits.reduce((sum, bit) => sum | (0x80 >> bit), 0);
  const unused = 7 - Math.max(...bits);
  return tagged(0x03, Uint8Array.of(unused, byte));
}

export function octetString(bytes: Uint8Array): Buffer {
  return tagged(0x04, bytes);
}

/** UTCTime until 2049, GeneralizedTime after, as RFC 5280 wants it. */
export function time(ms: number): Buffer {
  const text = `${new Date(ms).toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`;
  return Number(text.slice(0, 4)) < 2050 ? tagged(0x17, Buffer.from(text.slice(2))) : tagged(0x18, Buffer.from(text));
}

/** `[number]`, with another value inside it or as that value's own tag. */
export function context(number: number, how: 'explicit' | 'implicit', bytes: Uint8Array): Buffer {
  return tagged((how === 'explicit' ? 0xa0 : 0x80) + number, bytes);
}

function tagged(tag: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.of(tag), lengthOf(bytes.length), bytes]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const bytes = length < 0x100 ? [length] : length < 0x10000 ? [length >> 8, length & 0xff] : undefined;
  if (!bytes) throw new Error(`a DER value of ${length} bytes is longer than any certificate here`);
  return Buffer.of(0x80 + bytes.length, ...bytes);
}

function base128(value: number): Buffer {
  const bytes = [value & 0x7f];
  for (let rest = value >> 7; rest > 0; rest >>= 7) bytes.unshift((rest & 0x7f) | 0x80);
  return Buffer.from(bytes);
}
