import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { Reader } from './ssh-wire.ts';

const ED25519_SPKI = Buffer.from('302a300506032b6570032100', 'hex');
const CURVES: Readonly<Record<string, { readonly crv: string; readonly hash: string; readonly bytes: number }>> = {
  nistp256: { crv: 'P-256', hash: 'sha256', bytes: 32 },
  nistp384: { crv: 'P-384', hash: 'sha384', bytes: 48 },
  nistp521: { crv: 'P-521', hash: 'sha512', bytes: 66 },
};
const RSA_HASHES: Readonly<Record<string, string>> = { 'rsa-sha2-256': 'sha256', 'rsa-sha2-512': 'sha512' };

/** True when the owner of this host key (as it is on the wire) signed `message`. What cannot be read is simply false. */
export function isHostSignature(hostKey: Buffer, signature: Buffer, message: Buffer): boolean {
  try {
    return check(new Reader(hostKey), new Reader(signature), message);
  } catch {
    // Node's crypto throws for keys and points that are none: they come from a stranger.
    return false;
  }
}

function check(key: Reader, signature: Reader, message: Buffer): boolean {
  const type = text(key.field());
  const method = text(signature.field());
  const proof = signature.field();
  const first = key.field();
  if (proof === undefined || first === undefined) return false;
  if (type === 'ssh-ed25519') {
    return first.length === 32 && method === type && verify(null, message, spki(first), proof);
  }
  if (type === 'ssh-rsa') {
    const hash = RSA_HASHES[method];
    const modulus = key.field();
    return hash !== undefined && modulus !== undefined && verify(hash, message, rsa(first, modulus), proof);
  }
  const curve = CURVES[text(first)];
  const point = key.field();
  if (curve === undefined || point === undefined || method !== type || point.length !== 1 + 2 * curve.bytes)
    return false;
  const parts = new Reader(proof);
  const [r, s] = [parts.field(), parts.field()];
  if (r === undefined || s === undefined) return false;
  const raw = Buffer.concat([fixed(r, curve.bytes), fixed(s, curve.bytes)]);
  return verify(curve.hash, message, { key: ecdsa(point, curve.crv, curve.bytes), dsaEncoding: 'ieee-p1363' }, raw);
}

function text(bytes: Buffer | undefined): string {
  return bytes?.toString('latin1') ?? '';
}

function spki(point: Buffer): KeyObject {
  return createPublicKey({ key: Buffer.concat([ED25519_SPKI, point]), format: 'der', type: 'spki' });
}

function rsa(exponent: Buffer, modulus: Buffer): KeyObject {
  const key = { kty: 'RSA', e: exponent.toString('base64url'), n: trimmed(modulus).toString('base64url') };
  return createPublicKey({ key, format: 'jwk' });
}

function ecdsa(point: Buffer, crv: string, bytes: number): KeyObject {
  const [x, y] = [point.subarray(1, 1 + bytes), point.subarray(1 + bytes)].map((half) => half.toString('base64url'));
  return createPublicKey({ key: { kty: 'EC', crv, x: x ?? '', y: y ?? '' }, format: 'jwk' });
}

function trimmed(bytes: Buffer): Buffer {
  return bytes[0] === 0 ? bytes.subarray(1) : bytes;
}

/** A number in exactly so many bytes. Throws where it is larger. */
function fixed(number: Buffer, bytes: number): Buffer {
  const body = trimmed(number);
  if (body.length > bytes) throw new RangeError('the number is too large');
  return Buffer.concat([Buffer.alloc(bytes - body.length), body]);
}
