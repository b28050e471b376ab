import { createHash } from 'node:crypto';
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import type { Random } from '../../src/ports/random.ts';

/**
 * Seals a password for a tenant as the server does today (version 2): ephemeral X25519 against the tenant's Ed25519 key,
 * XChaCha20-Poly1305, bound to the raw bytes of the contract id. Returns the envelope's JSON text.
 */
export function sealCredentials(tenantKeyHex: string, contractId: string, password: string, random: Random): string {
  const secret = clamp(random.bytes(32));
  const nonce = random.bytes(24);
  const aad = Buffer.from(contractId, 'hex');
  const shared = x25519.getSharedSecret(secret, ed25519.utils.toMontgomery(Buffer.from(tenantKeyHex, 'hex')));
  const ciphertext = xchacha20poly1305(deriveKey(LABEL_V2, shared), nonce, aad).encrypt(Buffer.from(password));
  return JSON.stringify({
    version: 2,
    ephemeral_pubkey: base64(x25519.getPublicKey(secret)),
    nonce: base64(nonce),
    ciphertext: base64(ciphertext),
    aad: base64(aad),
  });
}

/** Opens an envelope (version 1 or 2) with the tenant's seed. Throws when it was made for another key or contract, or altered. */
export function openCredentials(envelope: string, tenantSeed: Uint8Array, contractId: string): string {
  const fields: unknown = JSON.parse(envelope);
  const version = field(fields, 'version');
  if (version !== 1 && version !== 2) {
    throw new Error(`Expected a credential envelope of version 1 or 2, got ${String(version)}`);
  }
  const secret = clamp(createHash('sha512').update(tenantSeed).digest().subarray(0, 32));
  const shared = x25519.getSharedSecret(secret, bytes(fields, 'ephemeral_pubkey'));
  const key = deriveKey(version === 2 ? LABEL_V2 : LABEL_V1, shared);
  // The contract that was asked for, not the one that the envelope names: else an envelope could be moved between contracts.
  const aad = version === 2 ? Buffer.from(contractId, 'hex') : undefined;
  const opened = xchacha20poly1305(key, bytes(fields, 'nonce'), aad).decrypt(bytes(fields, 'ciphertext'));
  return Buffer.from(opened).toString('utf8');
}

const LABEL_V1 = 'credential-encryption-v1';
const LABEL_V2 = 'credential-encryption-v2-aad';

function deriveKey(label: string, shared: Uint8Array): Uint8Array {
  return createHash('sha512').update(label).update(shared).digest().subarray(0, 32);
}

function clamp(secret: Uint8Array): Uint8Array {
  const clamped = Uint8Array.from(secret);
  clamped[0] = (clamped[0] ?? 0) & 248;
  clamped[31] = ((clamped[31] ?? 0) & 127) | 64;
  return clamped;
}

function base64(value: Uint8Array): string {
  return Buffer.from(value).toString('base64');
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function bytes(value: unknown, name: string): Uint8Array {
  const text = field(value, name);
  if (typeof text !== 'string') throw new Error(`The credential envelope lacks "${name}"`);
  return Uint8Array.from(Buffer.from(text, 'base64'));
}
