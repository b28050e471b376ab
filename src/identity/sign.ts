import { ed25519, ed25519ph } from '@noble/curves/ed25519.js';
import { bytesToHex, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import type { AgentId } from '../ports/ids.ts';
import type { Secret } from '../ports/secret.ts';

/** Who signs, and under which header the platform looks the key up. Handed in: a simulated run uses a cheap one. */
export interface Signer {
  readonly publicKey: AgentId;
  readonly header: 'X-Agent-Pubkey' | 'X-Public-Key';
  /** The signature as lower-case hex. */
  sign(message: Uint8Array): string;
}

/** What a signature covers. The query string, the host and the headers are not among it. */
export interface SignedParts {
  /** Unix time in ns as decimal text: the very text of the header. */
  readonly timestamp: string;
  /** UUID: the very text of the header. */
  readonly nonce: string;
  readonly method: string;
  /** From `/api/v1` on; a query is cut off. */
  readonly path: string;
  readonly body?: string | Uint8Array;
}

/** RFC 8032 context: without it (or with plain Ed25519) the platform answers 401. */
const CONTEXT = utf8ToBytes('decent-cloud');

/** Signs with Ed25519ph. `secret` is the seed as 64 hex digits; `X-Public-Key` is for provider and tenant keys. */
export function createSigner(secret: Secret, header: Signer['header'] = 'X-Agent-Pubkey'): Signer {
  const seed = hexToBytes(secret.reveal());
  return {
    publicKey: bytesToHex(ed25519.getPublicKey(seed)) as AgentId,
    header,
    sign: (message) => bytesToHex(ed25519ph.sign(message, seed, { context: CONTEXT })),
  };
}

/** True when `signature` (hex) was made over `message` by the owner of `publicKey` (hex). Malformed input is simply false. */
export function verifySignature(publicKey: string, message: Uint8Array, signature: string): boolean {
  if (!/^[0-9a-f]{64}$/i.test(publicKey) || !/^[0-9a-f]{128}$/i.test(signature)) return false;
  const options = { context: CONTEXT, zip215: false };
  return ed25519ph.verify(hexToBytes(signature), message, hexToBytes(publicKey), options);
}

/** The bytes under a signature: the parts in this order, with nothing between them. */
export function signedMessage(parts: SignedParts): Uint8Array {
  const path = parts.path.split('?', 1)[0];
  const head = `${parts.timestamp}${parts.nonce}${parts.method}${path}`;
  const { body = '' } = parts;
  return typeof body === 'string' ? utf8ToBytes(head + body) : joined(utf8ToBytes(head), body);
}

function joined(head: Uint8Array, body: Uint8Array): Uint8Array {
  const message = new Uint8Array(head.length + body.length);
  message.set(head);
  message.set(body, head.length);
  return message;
}

/** The four authentication headers of one request. Every attempt gets a fresh nonce and time. */
export function signedHeaders(signer: Signer, parts: SignedParts): Record<string, string> {
  return {
    [signer.header]: signer.publicKey,
    'X-Timestamp': parts.timestamp,
    'X-Nonce': parts.nonce,
    'X-Signature': signer.sign(signedMessage(parts)),
  };
}

/** Milliseconds since the epoch as the wire's decimal nanoseconds. By BigInt: a double keeps only every 256th of them. */
export function nanoseconds(ms: number): string {
  return (BigInt(Math.trunc(ms)) * 1_000_000n).toString();
}
