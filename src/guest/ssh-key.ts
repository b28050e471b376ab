import { createHash, createPublicKey } from 'node:crypto';

export type CleanKey =
  | { readonly ok: true /** `type base64`, no comment. */; readonly key: string; readonly type: string }
  | {
      readonly ok: false /** For the tenant: what is wrong and what to do; never a piece of the key. */;
      readonly problem: string;
    };

/**
 * Takes the one public key out of what a tenant typed, ready for an authorized_keys file.
 *
 * The platform's own filter accepts any text after the base64 and lets a line break stand before it, so that a second key, an
 * options prefix or a shell line could ride along. Here only `type base64` survives, and only when the inside matches the outside.
 */
export function cleanSshKey(text: string): CleanKey {
  try {
    return readKey(text);
  } catch (error) {
    if (error instanceof Unusable) return { ok: false, problem: error.message };
    throw error;
  }
}

/** `SHA256:…` as OpenSSH prints it, of a public key in wire form. */
export function sshFingerprint(blob: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/** The wire form of a key that `cleanSshKey` has returned. */
export function sshKeyBlob(key: string): Buffer {
  return Buffer.from(key.slice(key.indexOf(' ') + 1), 'base64');
}

class Unusable extends Error {}

/** An RSA key of 16384 bits takes under 3 KB; the rest is room for a long comment. */
const MAX_TEXT = 16_384;
const MAX_BASE64 = 4096;
const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 16_384;

const PRIVATE_KEY = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----|PuTTY-User-Key-File|^AGE-SECRET-KEY-/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u2028\u2029]/;

function readKey(text: string): CleanKey {
  if (PRIVATE_KEY.test(text)) {
    throw new Unusable(
      'This is a private key. Keep it secret, treat it as exposed, and give the public key instead (the file ending in .pub).',
    );
  }
  if (text.length > MAX_TEXT) throw new Unusable('The SSH key is too long.');
  // Only plain blanks and line ends are trimmed: String.trim would also swallow separators that other programs read as text.
  const line = trimBlanks(text);
  if (line === '') throw new Unusable('The SSH public key is missing.');
  if (line.startsWith('---- BEGIN SSH2')) {
    throw new Unusable('The SSH key is in the SSH2 file format. Convert it to one line with: ssh-keygen -i -f FILE');
  }
  if (/[\r\n]/.test(line)) throw new Unusable('The SSH public key must be one key on one line.');
  if (CONTROL.test(line)) throw new Unusable('The SSH public key contains control characters.');

  const [type = '', base64 = ''] = line.split(/[ \t]+/, 2);
  const check = CHECKS.get(type);
  if (check === undefined) throw new Unusable(whyNotThisType(type, line));
  const blob = decode(base64);
  const reader = new WireReader(blob);
  if (reader.bytes().toString('latin1') !== type) {
    throw new Unusable('The SSH public key is damaged: its content is of another type than its first word says.');
  }
  check(reader);
  if (!reader.atEnd()) throw new Unusable('The SSH public key is damaged: it is followed by other data.');
  return { ok: true, key: `${type} ${base64}`, type };
}

function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && ' \t\r\n'.includes(text.charAt(start))) start += 1;
  while (end > start && ' \t\r\n'.includes(text.charAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

/** One entry per accepted type; each reads the fields behind the type name (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709, OpenSSH PROTOCOL.u2f). */
const CHECKS: ReadonlyMap<string, (reader: WireReader) => void> = new Map([
  ['ssh-ed25519', ed25519],
  ['ssh-rsa', rsa],
  ['ecdsa-sha2-nistp256', ecdsa('nistp256', 'P-256', 32)],
  ['ecdsa-sha2-nistp384', ecdsa('nistp384', 'P-384', 48)],
  ['ecdsa-sha2-nistp521', ecdsa('nistp521', 'P-521', 66)],
  ['sk-ssh-ed25519@openssh.com', securityKey(ed25519)],
  ['sk-ecdsa-sha2-nistp256@openssh.com', securityKey(ecdsa('nistp256', 'P-256', 32))],
]);

function whyNotThisType(type: string, line: string): string {
  if (type === 'ssh-dss')
    return 'DSA keys are not accepted by SSH servers any more. Make a new key with: ssh-keygen -t ed25519';
  if (type.includes('-cert-v0'))
    return 'This is an SSH certificate. Give the plain public key (the .pub file without -cert).';
  if (line.split(/[ \t]+/).some((word) => CHECKS.has(word) || word === 'ssh-dss')) {
    return 'Options before the SSH public key are not allowed. Give only the key: type, then base64.';
  }
  return 'This is not an SSH public key of a known type. It should start with ssh-ed25519, ssh-rsa or ecdsa-sha2-.';
}

function decode(base64: string): Buffer {
  if (base64.length > MAX_BASE64) throw new Unusable('The SSH key is too long.');
  const blob = Buffer.from(base64, 'base64');
  // Node skips what is not base64; comparing the way back shows any skipped, missing or surplus character.
  if (blob.length === 0 || blob.toString('base64') !== base64) {
    throw new Unusable('The SSH public key is damaged: its second word is not complete base64.');
  }
  return blob;
}

function ed25519(reader: WireReader): void {
  if (reader.bytes().length !== 32) throw new Unusable('The SSH public key is damaged: an Ed25519 key has 32 bytes.');
}

function rsa(reader: WireReader): void {
  const exponent = reader.positive();
  const modulus = reader.positive();
  const bits = bitLength(modulus);
  if (bits < MIN_RSA_BITS) {
    throw new Unusable(
      `The RSA key has ${bits} bits; at least ${MIN_RSA_BITS} are needed. Better: ssh-keygen -t ed25519`,
    );
  }
  const even = (number: Buffer): boolean => ((number.at(-1) ?? 0) & 1) === 0;
  if (bits > MAX_RSA_BITS || bitLength(exponent) < 2 || even(exponent) || even(modulus)) {
    throw new Unusable('The RSA key is not a usable key.');
  }
}

function ecdsa(name: string, crv: string, size: number): (reader: WireReader) => void {
  return (reader) => {
    const curve = reader.bytes().toString('latin1');
    const point = reader.bytes();
    if (curve !== name || point.length !== 1 + 2 * size || point[0] !== 4) {
      throw new Unusable('The SSH public key is damaged: its curve point has the wrong form.');
    }
    const x = point.subarray(1, 1 + size).toString('base64url');
    const y = point.subarray(1 + size).toString('base64url');
    try {
      createPublicKey({ key: { kty: 'EC', crv, x, y }, format: 'jwk' });
    } catch {
      // The only thing that can be wrong here is the point itself.
      throw new Unusable('The SSH public key is damaged: its point is not on the curve.');
    }
  };
}

function securityKey(inner: (reader: WireReader) => void): (reader: WireReader) => void {
  return (reader) => {
    inner(reader);
    const application = reader.bytes();
    if (application.length === 0 || application.length > 255) {
      throw new Unusable('The SSH public key is damaged: its security key application is missing.');
    }
  };
}

/** Reads length-prefixed fields; every read is checked against what is really there. */
class WireReader {
  readonly #blob: Buffer;
  #at = 0;

  constructor(blob: Buffer) {
    this.#blob = blob;
  }

  bytes(): Buffer {
    const start = this.#at + 4;
    const end = start <= this.#blob.length ? start + this.#blob.readUInt32BE(this.#at) : Number.POSITIVE_INFINITY;
    if (end > this.#blob.length) throw new Unusable('The SSH public key is damaged: it is cut short.');
    this.#at = end;
    return this.#blob.subarray(start, end);
  }

  /** A positive multiple-precision integer in its one shortest form. */
  positive(): Buffer {
    const field = this.bytes();
    const first = field[0] ?? 0x80;
    const padded = first === 0 && (field[1] ?? 0) < 0x80;
    if (first >= 0x80 || padded)
      throw new Unusable('The SSH public key is damaged: a number in it has the wrong form.');
    return first === 0 ? field.subarray(1) : field;
  }

  atEnd(): boolean {
    return this.#at === this.#blob.length;
  }
}

function bitLength(number: Buffer): number {
  return number.length === 0 ? 0 : (number.length - 1) * 8 + (32 - Math.clz32(number[0] ?? 0));
}
