/** RFC 4253 §6.1; nothing of a key exchange is longer than this. */
const LONGEST_PACKET = 35_000;
const BLOCK = 8;

/** A string with its length before it. */
export function field(body: Uint8Array | string): Buffer {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** A positive number (RFC 4251 §5): no leading zeros, but one before a set top bit. */
export function mpint(bytes: Buffer): Buffer {
  let from = 0;
  while (from < bytes.length && bytes[from] === 0) from++;
  const body = bytes.subarray(from);
  return field((body[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.alloc(1), body]) : body);
}

/** A packet before encryption begins: length, padding length, payload, padding. */
export function packet(payload: Buffer): Buffer {
  const padding = BLOCK + ((2 * BLOCK - ((payload.length + 5) % BLOCK)) % BLOCK);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(payload.length + 1 + padding);
  head[4] = padding;
  return Buffer.concat([head, payload, Buffer.alloc(padding)]);
}

/** The first packet of what has come so far. */
export function takePacket(bytes: Buffer): { readonly payload: Buffer; readonly rest: Buffer } | 'more' | 'nonsense' {
  if (bytes.length < 5) return 'more';
  const length = bytes.readUInt32BE(0);
  const padding = bytes[4] ?? 0;
  if (length > LONGEST_PACKET || padding < 4 || length < padding + 2) return 'nonsense';
  if (bytes.length < length + 4) return 'more';
  return { payload: bytes.subarray(5, 4 + length - padding), rest: bytes.subarray(4 + length) };
}

/** Takes fields off a payload; undefined where it ends too early. */
export class Reader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  field(): Buffer | undefined {
    if (this.#at + 4 > this.#bytes.length) return undefined;
    const end = this.#at + 4 + this.#bytes.readUInt32BE(this.#at);
    if (end > this.#bytes.length) return undefined;
    const body = this.#bytes.subarray(this.#at + 4, end);
    this.#at = end;
    return body;
  }
}
