import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { bytesToHex, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import type { Random } from '../ports/random.ts';
import type { Secret } from '../ports/secret.ts';

const LABEL = 'dc-agent vault v1';
const NONCE_BYTES = 24;

export interface Vault {
  seal(text: string): string;
  /** Throws when the text was sealed with another key, or is damaged. */
  open(sealed: string): string;
  /** 32 bytes that follow from the agent's key and a label, and tell nothing of either: the same ones each time. */
  derive(label: string): Uint8Array;
}

/**
 * Keeps short-lived secrets (a root password that the platform does not have yet) unreadable in the ledger. The key is derived from
 * the agent key, which is kept elsewhere: a copy of the state directory alone opens nothing.
 */
export function createVault(agentKey: Secret, random: Random): Vault {
  const key = sha512(utf8ToBytes(`${LABEL}${agentKey.reveal()}`)).slice(0, 32);
  return {
    seal(text) {
      const nonce = random.bytes(NONCE_BYTES);
      return `${bytesToHex(nonce)}.${bytesToHex(xchacha20poly1305(key, nonce).encrypt(utf8ToBytes(text)))}`;
    },
    open(sealed) {
      const [nonce = '', ciphertext = ''] = sealed.split('.');
      const text = xchacha20poly1305(key, hexToBytes(nonce)).decrypt(hexToBytes(ciphertext));
      return Buffer.from(text).toString('utf8');
    },
    derive: (label) => hkdf(sha512, key, undefined, utf8ToBytes(`${LABEL} derive ${label}`), 32),
  };
}
