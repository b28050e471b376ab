import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import type { AgentId } from '../ports/ids.ts';
import type { Secret } from '../ports/secret.ts';
import { createSigner } from './sign.ts';

/** RFC 8410: what stands before the 32 bytes of an Ed25519 key in PKCS#8 and in SPKI. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');

/**
 * Signs statements of the agent for others to check offline: plain Ed25519, which every crypto library has. It cannot be taken
 * for a request to the platform, whose signatures are Ed25519ph with a context. `secret` is the seed as 64 hex digits.
 */
export function createAttestor(secret: Secret): {
  readonly agent: AgentId;
  sign(text: string): string;
  readonly isSigned: typeof isSignedBy;
} {
  const seed = Buffer.from(secret.reveal(), 'hex');
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' });
  return {
    agent: createSigner(secret).publicKey,
    sign: (text) => sign(null, Buffer.from(text), key).toString('hex'),
    isSigned: isSignedBy,
  };
}

/** True when `signature` (hex) was made over `text` by the owner of `publicKey` (hex). Malformed input is simply false. */
export function isSignedBy(publicKey: string, text: string, signature: string): boolean {
  if (!/^[0-9a-f]{64}$/.test(publicKey) || !/^[0-9a-f]{128}$/.test(signature)) return false;
  const key = keyOf(publicKey);
  return key !== undefined && verify(null, Buffer.from(text), key, Buffer.from(signature, 'hex'));
}

let latest: { readonly hex: string; readonly key: KeyObject | undefined } | undefined;

/** A file holds hundreds of signatures of one key, and reading a key costs more than checking with it. */
function keyOf(hex: string): KeyObject | undefined {
  if (latest?.hex !== hex) latest = { hex, key: readKey(hex) };
  return latest.key;
}

function readKey(hex: string): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.concat([SPKI, Buffer.from(hex, 'hex')]), format: 'der', type: 'spki' });
  } catch {
    // 32 bytes that are no key have signed nothing.
    return undefined;
  }
}
