import { hexToBytes } from '@noble/hashes/utils.js';
import { describe, expect, it } from 'vitest';
import { type ContractId, parseContractId } from '../ports/ids.ts';
import { type Random, systemRandom } from '../ports/random.ts';
import { Secret } from '../ports/secret.ts';
import { CredentialsError, openCredentials, sealCredentials } from './credentials.ts';
import { sharedVectors, WHY_SKIPPED } from './shared-vectors.ts';
import { createSigner } from './sign.ts';

const SEED = new Secret('5a'.repeat(32));
const publicKey = createSigner(SEED).publicKey;
const contract = id('c0'.repeat(32));
const recipient = { publicKey, contract };

describe('credential envelopes', () => {
  it('give the known answer', () => {
    const envelope = sealCredentials(new Secret('pässwort'), recipient, scripted(['11'.repeat(32), '22'.repeat(24)]));
    expect(envelope).toBe(
      '{"version":2,"ephemeral_pubkey":"e06Qm75//kTEZaIgA31gjuNYl9Me+XLwf3SJLLD3PxM=",' +
        '"nonce":"IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIi","ciphertext":"BTbHWwt6Q3z1IOAxmSiQ8EeUVZBNC0pqWw==",' +
        '"aad":"wMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMA="}',
    );
  });

  it('open for the tenant and for nobody else', () => {
    const envelope = sealCredentials(new Secret('pässwort \u{1f511}'), recipient);
    expect(openCredentials(envelope, SEED, contract).reveal()).toBe('pässwort \u{1f511}');
    expect(() => openCredentials(envelope, new Secret('5b'.repeat(32)))).toThrow(CredentialsError);
  });

  it('are bound to their contract, whatever the envelope itself claims', () => {
    const envelope = sealCredentials(new Secret('x'), recipient);
    const other = id('c1'.repeat(32));
    expect(() => openCredentials(envelope, SEED, other)).toThrow('sealed for another contract');
    const relabelled = JSON.stringify({
      ...JSON.parse(envelope),
      aad: Buffer.from('c1'.repeat(32), 'hex').toString('base64'),
    });
    expect(() => openCredentials(relabelled, SEED, other)).toThrow('cannot be opened');
  });

  it.each(['', '{}', '[]', 'null', '{"version":3}', '{"version":2,"ephemeral_pubkey":1}'])(
    'refuse the text %j',
    (text) => {
      expect(() => openCredentials(text, SEED)).toThrow(CredentialsError);
    },
  );

  it('refuse a truncated ciphertext and a changed version', () => {
    const envelope = JSON.parse(sealCredentials(new Secret('secret'), recipient));
    const cut = JSON.stringify({ ...envelope, ciphertext: envelope.ciphertext.slice(0, 8) });
    expect(() => openCredentials(cut, SEED)).toThrow(CredentialsError);
    expect(() => openCredentials(JSON.stringify({ ...envelope, version: 1 }), SEED)).toThrow(CredentialsError);
  });

  it('are not made for a key that is no point of the curve', () => {
    const bad = { publicKey: `02${'00'.repeat(31)}`, contract };
    expect(() => sealCredentials(new Secret('x'), bad)).toThrow('cannot seal to this public key');
  });
});

const shared = sharedVectors();
describe.skipIf(!shared)(`the platform's credential vectors${shared ? '' : ` (${WHY_SKIPPED})`}`, () => {
  it.each(shared?.credential_vectors ?? [])('$name', (vector) => {
    const seed = new Secret(vector.requester_ed25519_seed_hex);
    expect(openCredentials(vector.envelope_json, seed).reveal()).toBe(vector.plaintext_utf8);
    if (vector.aad_hex === null) return;
    const sealed = sealCredentials(
      new Secret(vector.plaintext_utf8),
      { publicKey: vector.requester_ed25519_pubkey_hex, contract: id(vector.aad_hex) },
      scripted([vector.ephemeral_secret_raw_hex, vector.nonce_hex]),
    );
    expect(sealed).toBe(vector.envelope_json);
  });
});

function id(hex: string): ContractId {
  const parsed = parseContractId(hex);
  if (!parsed) throw new Error(`no contract id: ${hex}`);
  return parsed;
}

/** Hands out the given bytes in order. */
function scripted(hex: string[]): Random {
  const queue = hex.map((text) => hexToBytes(text));
  return { ...systemRandom, bytes: (count) => queue.shift() ?? systemRandom.bytes(count) };
}
