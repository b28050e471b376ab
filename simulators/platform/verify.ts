import { ed25519, ed25519ph } from '@noble/curves/ed25519.js';
import { sealCredentials } from './credentials.ts';
import type { PlatformCrypto } from './options.ts';

/** The context string of the platform's request signatures. */
export const SIGNATURE_CONTEXT = Buffer.from('decent-cloud');

/** What the server really does: Ed25519ph (RFC 8032) with a context, and passwords sealed for the tenant's key. */
export const realCrypto: PlatformCrypto = {
  publicKeyOf: (seedHex) => Buffer.from(ed25519.getPublicKey(Buffer.from(seedHex, 'hex'))).toString('hex'),
  isPublicKey(publicKeyHex) {
    const known = KNOWN_KEYS.get(publicKeyHex);
    if (known !== undefined) return known;
    const usable = ed25519.utils.isValidPublicKey(Buffer.from(publicKeyHex, 'hex'), true);
    if (KNOWN_KEYS.size >= 1000) KNOWN_KEYS.clear();
    KNOWN_KEYS.set(publicKeyHex, usable);
    return usable;
  },
  verify(publicKeyHex, message, signatureHex) {
    const signature = Buffer.from(signatureHex, 'hex');
    const publicKey = Buffer.from(publicKeyHex, 'hex');
    try {
      return ed25519ph.verify(signature, message, publicKey, { context: SIGNATURE_CONTEXT });
    } catch {
      // The library throws for an S that is out of range or an R off the curve: to the server that is one more wrong signature.
      return false;
    }
  },
  seal: sealCredentials,
};

// Decoding a point costs as much as half a verification, and the same few keys come again and again.
const KNOWN_KEYS = new Map<string, boolean>();

/** Cheap stand-ins for simulations: any 32 bytes are a key, and a signature is a checksum. They protect nothing. */
export const cheapCrypto: PlatformCrypto = {
  publicKeyOf: (seedHex) => seedHex,
  isPublicKey: () => true,
  verify: (publicKeyHex, message, signatureHex) => cheapSignature(publicKeyHex, message) === signatureHex,
  seal: (tenant, contract, password) => JSON.stringify({ version: 0, tenant, contract, password }),
};

/** What `cheapCrypto` accepts: 128 hex digits that depend on every byte of key and message. */
export function cheapSignature(publicKeyHex: string, message: Uint8Array): string {
  let a = 0x811c9dc5;
  let b = 0x9e3779b9;
  for (let i = 0; i < publicKeyHex.length; i++) a = Math.imul(a ^ publicKeyHex.charCodeAt(i), 0x01000193);
  for (const byte of message) {
    a = Math.imul(a ^ byte, 0x01000193);
    b = Math.imul(b ^ a, 0x85ebca6b) ^ (b >>> 13);
  }
  const word = (a >>> 0).toString(16).padStart(8, '0') + (b >>> 0).toString(16).padStart(8, '0');
  return word.repeat(8);
}
