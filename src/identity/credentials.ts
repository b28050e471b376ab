import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { z } from 'zod';
import type { ContractId } from '../ports/ids.ts';
import { type Random, systemRandom } from '../ports/random.ts';
import { Secret } from '../ports/secret.ts';

/**
 * Credentials as a tenant gets them. Usually the platform seals, and the agent sends clear text over TLS; where the tenant's key is
 * known, the agent seals, and the clear text stays on the host. Whoever holds the tenant's key opens.
 */

/** An envelope that cannot be opened, or a key that cannot be sealed to. Holds neither plaintext nor key. */
export class CredentialsError extends Error {
  override readonly name = 'CredentialsError';
}

export interface Recipient {
  /** The tenant's Ed25519 public key, 64 hex digits. */
  readonly publicKey: string;
  readonly contract: ContractId;
}

/** Seals to the tenant, bound to the contract. Returns the version-2 envelope as JSON text. */
export function sealCredentials(plaintext: Secret, recipient: Recipient, random: Random = systemRandom): string {
  const ephemeral = random.bytes(32);
  const nonce = random.bytes(24);
  const aad = hexToBytes(recipient.contract);
  const shared = agree('cannot seal to this public key', () =>
    x25519.getSharedSecret(ephemeral, ed25519.utils.toMontgomery(hexToBytes(recipient.publicKey))),
  );
  const ciphertext = xchacha20poly1305(keyFor(2, shared), nonce, aad).encrypt(utf8ToBytes(plaintext.reveal()));
  return JSON.stringify({
    version: 2,
    ephemeral_pubkey: base64(x25519.getPublicKey(ephemeral)),
    nonce: base64(nonce),
    ciphertext: base64(ciphertext),
    aad: base64(aad),
  });
}

/** The same, or undefined where the public key is none that can be sealed to. */
export function trySealCredentials(plaintext: Secret, recipient: Recipient): string | undefined {
  try {
    return sealCredentials(plaintext, recipient);
  } catch (error) {
    if (error instanceof CredentialsError) return undefined;
    throw error;
  }
}

/**
 * Opens an envelope, version 2 or the older 1, with the tenant's Ed25519 seed (64 hex digits). Given the contract, it also
 * insists that a version-2 envelope was sealed for that very contract, which the platform's own web page does not.
 */
export function openCredentials(envelope: string, seed: Secret, contract?: ContractId): Secret {
  const parsed = parseEnvelope(envelope);
  const aad = parsed.version === 2 ? fromBase64(parsed.aad) : undefined;
  if (aad !== undefined && contract !== undefined && bytesToHex(aad) !== contract) {
    throw new CredentialsError('the envelope was sealed for another contract');
  }
  return agree('the envelope cannot be opened with this key', () => {
    const secret = ed25519.utils.toMontgomerySecret(hexToBytes(seed.reveal()));
    const shared = x25519.getSharedSecret(secret, fromBase64(parsed.ephemeral_pubkey));
    const cipher = xchacha20poly1305(keyFor(parsed.version, shared), fromBase64(parsed.nonce), aad);
    const plaintext = cipher.decrypt(fromBase64(parsed.ciphertext));
    return new Secret(new TextDecoder('utf-8', { fatal: true }).decode(plaintext));
  });
}

const Part = z.string().max(65_536);
const Envelope = z.discriminatedUnion('version', [
  z.object({ version: z.literal(1), ephemeral_pubkey: Part, nonce: Part, ciphertext: Part }),
  z.object({ version: z.literal(2), ephemeral_pubkey: Part, nonce: Part, ciphertext: Part, aad: Part }),
]);

function parseEnvelope(text: string): z.infer<typeof Envelope> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new CredentialsError('the envelope is not JSON', { cause });
  }
  const parsed = Envelope.safeParse(json);
  if (!parsed.success) throw new CredentialsError('the envelope is neither version 1 nor version 2');
  return parsed.data;
}

/** The version is part of the key, so that an envelope relabelled as the other version does not open. */
function keyFor(version: 1 | 2, shared: Uint8Array): Uint8Array {
  const label = version === 2 ? 'credential-encryption-v2-aad' : 'credential-encryption-v1';
  return sha512(concatBytes(utf8ToBytes(label), shared)).slice(0, 32);
}

function agree<T>(message: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    throw new CredentialsError(message, { cause });
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'));
}
