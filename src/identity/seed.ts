import { createPrivateKey, type KeyObject } from 'node:crypto';
import { Secret } from '../ports/secret.ts';
import { CredentialsError } from './credentials.ts';

const HEX_64 = /^[0-9a-f]{64}$/i;

/**
 * An Ed25519 seed out of a key file's text: 64 hex digits, as in `agent.key`, or PKCS#8 PEM, as the platform's own command line
 * keeps it. The error says what is wrong and holds no part of the key.
 */
export function readSeed(text: string): Secret {
  const given = text.trim();
  if (HEX_64.test(given)) return new Secret(given.toLowerCase());
  if (!given.includes('-----BEGIN')) throw new CredentialsError('the key is neither 64 hex digits nor PEM');
  let key: KeyObject;
  try {
    key = createPrivateKey(given);
  } catch (cause) {
    // The cause names the encoding's fault, never its content.
    throw new CredentialsError('the PEM file holds no private key that can be read without a passphrase', { cause });
  }
  const { d } = key.asymmetricKeyType === 'ed25519' ? key.export({ format: 'jwk' }) : {};
  if (d === undefined) throw new CredentialsError('the PEM file holds another kind of key than Ed25519');
  return new Secret(Buffer.from(d, 'base64url').toString('hex'));
}
