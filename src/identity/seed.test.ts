import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseContractId } from '../ports/ids.ts';
import { Secret } from '../ports/secret.ts';
import { CredentialsError, openCredentials, sealCredentials, trySealCredentials } from './credentials.ts';
import { readSeed } from './seed.ts';
import { createSigner } from './sign.ts';

const contract = parseContractId('c0'.repeat(32));
if (contract === undefined) throw new Error('no contract id');

describe('a key file', () => {
  it('is 64 hex digits, as agent.key is', () => {
    expect(readSeed(`${'5A'.repeat(32)}\n`).reveal()).toBe('5a'.repeat(32));
  });

  it('is PKCS#8 PEM, as the platform’s command line keeps it', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const seed = readSeed(privateKey.export({ format: 'pem', type: 'pkcs8' }) as string);
    const hex = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');
    expect(createSigner(seed).publicKey).toBe(hex);
    const envelope = sealCredentials(new Secret('s3cret'), { publicKey: hex, contract });
    expect(openCredentials(envelope, seed, contract).reveal()).toBe('s3cret');
  });

  it.each([
    ['', 'neither 64 hex digits nor PEM'],
    ['5a5a', 'neither 64 hex digits nor PEM'],
    ['-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n', 'no private key that can be read'],
    [
      generateKeyPairSync('x25519').privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
      'another kind of key',
    ],
  ])('is nothing else: %#', (text, why) => {
    expect(() => readSeed(text)).toThrow(CredentialsError);
    expect(() => readSeed(text)).toThrow(why);
  });
});

it('what is no point of the curve cannot be sealed to, and that is no accident', () => {
  expect(trySealCredentials(new Secret('x'), { publicKey: `02${'00'.repeat(31)}`, contract })).toBeUndefined();
});
