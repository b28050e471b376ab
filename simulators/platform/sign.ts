import { ed25519ph } from '@noble/curves/ed25519.js';
import type { Clock } from '../../src/ports/clock.ts';
import type { Random } from '../../src/ports/random.ts';
import { cheapCrypto, cheapSignature, realCrypto, SIGNATURE_CONTEXT } from './verify.ts';

/** How keys are made and messages signed; the counterpart of the core's crypto. */
export interface Signing {
  publicKeyOf(seedHex: string): string;
  sign(seedHex: string, message: Uint8Array): string;
}

export const realSigning: Signing = {
  publicKeyOf: realCrypto.publicKeyOf,
  sign: (seedHex, message) =>
    Buffer.from(ed25519ph.sign(message, Buffer.from(seedHex, 'hex'), { context: SIGNATURE_CONTEXT })).toString('hex'),
};

/** For a core with `cheapCrypto`. */
export const cheapSigning: Signing = {
  publicKeyOf: cheapCrypto.publicKeyOf,
  sign: (seedHex, message) => cheapSignature(cheapCrypto.publicKeyOf(seedHex), message),
};

export interface Identity {
  readonly seed: string;
  readonly header: 'x-agent-pubkey' | 'x-public-key';
  readonly clock: Clock;
  readonly random: Random;
  readonly signing?: Signing;
}

/** The headers that authenticate one request. The query is not covered by the signature. */
export function signRequest(identity: Identity, method: string, path: string, body = ''): Record<string, string> {
  const { seed, header, clock, random, signing = realSigning } = identity;
  const timestamp = String(BigInt(Math.trunc(clock.now())) * 1_000_000n);
  const nonce = random.uuid();
  const message = Buffer.from(`${timestamp}${nonce}${method}${path.split('?', 1)[0]}${body}`);
  return {
    [header]: signing.publicKeyOf(seed),
    'x-timestamp': timestamp,
    'x-nonce': nonce,
    'x-signature': signing.sign(seed, message),
  };
}
