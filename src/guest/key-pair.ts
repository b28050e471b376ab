import { createPrivateKey, createPublicKey } from 'node:crypto';
import { Secret } from '../ports/secret.ts';

/** An Ed25519 pair as OpenSSH writes it. */
export interface SshKeyPair {
  /** PEM, without a passphrase. */
  readonly privateKey: Secret;
  /** `ssh-ed25519 base64`. */
  readonly publicKey: string;
}

const SEED_BYTES = 32;

/**
 * The Ed25519 pair of a seed of 32 bytes, in OpenSSH's own format (PROTOCOL.key): the same seed gives the same bytes each time.
 * `comment` stands in the private key only. ssh2 and OpenSSH read both; neither makes a key from a seed.
 */
export function sshKeyPair(seed: Uint8Array, comment = ''): SshKeyPair {
  if (seed.length !== SEED_BYTES) throw new RangeError(`a seed has ${SEED_BYTES} bytes`);
  const publicBytes = publicOf(seed);
  const blob = Buffer.concat([text(TYPE), bytes(publicBytes)]);
  const secret = Buffer.concat([
    // Two equal numbers tell a reader that it decrypted well. Nothing is encrypted, so they may be the same for ever.
    number(CHECK),
    number(CHECK),
    text(TYPE),
    bytes(publicBytes),
    bytes(Buffer.concat([seed, publicBytes])),
    text(comment),
  ]);
  const whole = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    text('none'),
    text('none'),
    text(''),
    number(1),
    bytes(blob),
    bytes(padded(secret)),
  ]);
  const lines = whole.toString('base64').match(/.{1,70}/g) ?? [];
  const pem = ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join('\n');
  return { privateKey: new Secret(pem), publicKey: `${TYPE} ${blob.toString('base64')}` };
}

const TYPE = 'ssh-ed25519';
const CHECK = 0x64636167;
/** A private key in JSON (RFC 8037) has its public half beside it; Node goes by the seed alone, and computes the other from it. */
const PUBLIC_HALF_UNKNOWN = Buffer.alloc(SEED_BYTES).toString('base64url');

/** By JSON and not by DER, which OpenSSL 3.0, the one of Node 20, takes ten times as long to read. */
function publicOf(seed: Uint8Array): Buffer {
  const d = Buffer.from(seed).toString('base64url');
  const key = createPrivateKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', d, x: PUBLIC_HALF_UNKNOWN } });
  return Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x ?? '', 'base64url');
}

/** Up to whole blocks of eight, with 1, 2, 3, ... */
function padded(content: Buffer): Buffer {
  const missing = (8 - (content.length % 8)) % 8;
  return Buffer.concat([content, Buffer.from(Array.from({ length: missing }, (_, index) => index + 1))]);
}

function number(value: number): Buffer {
  const field = Buffer.alloc(4);
  field.writeUInt32BE(value);
  return field;
}

function bytes(content: Uint8Array): Buffer {
  return Buffer.concat([number(content.length), content]);
}

function text(content: string): Buffer {
  return bytes(Buffer.from(content));
}
