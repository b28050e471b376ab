import { bytesToHex, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { describe, expect, it } from 'vitest';
import { Secret } from '../ports/secret.ts';
import { sharedVectors, WHY_SKIPPED } from './shared-vectors.ts';
import { createSigner, nanoseconds, signedHeaders, signedMessage, verifySignature } from './sign.ts';

const SEED = 'd2'.repeat(32);
const REQUEST = {
  timestamp: '1789000000987654321',
  nonce: '6f1c1b1e-57f0-4b0a-9d6d-0a1b2c3d4e5f',
  method: 'PUT',
  path: '/api/v1/provider/rental-requests/ab/provisioning',
  body: '{"status":"provisioning","instanceDetails":"Grüße \u{1f680}"}',
};

describe('signing a request', () => {
  it('gives the known answer', () => {
    const signer = createSigner(new Secret(SEED));
    expect(signer.publicKey).toBe('41e8fde132ad670e534cd8b275d2cd7eec77733c66f8db48a1cada7fabfc4555');
    expect(signedHeaders(signer, REQUEST)).toEqual({
      'X-Agent-Pubkey': signer.publicKey,
      'X-Timestamp': REQUEST.timestamp,
      'X-Nonce': REQUEST.nonce,
      'X-Signature':
        '75bb221382ffba72e6126ab1a2f6777ed5bc668ebe7228a079270267868c4cf13b42683b8367d9963a897d341d54767a3b3d7371e730be2c3a47cd656f7fd804',
    });
  });

  it('puts the key of a provider or tenant under its own header', () => {
    const headers = signedHeaders(createSigner(new Secret(SEED), 'X-Public-Key'), REQUEST);
    expect(Object.keys(headers)).toEqual(['X-Public-Key', 'X-Timestamp', 'X-Nonce', 'X-Signature']);
  });

  it('covers the parts in order, without separators and without the query', () => {
    const parts = { timestamp: '111', nonce: 'N', method: 'GET', path: '/p?secret=1', body: 'body' };
    expect(signedMessage(parts)).toEqual(utf8ToBytes('111NGET/pbody'));
    expect(signedMessage({ ...parts, body: utf8ToBytes('body') })).toEqual(utf8ToBytes('111NGET/pbody'));
  });

  it('writes nanoseconds that a double could not hold', () => {
    expect(nanoseconds(1_767_225_600_123)).toBe('1767225600123000000');
    expect(nanoseconds(1_767_225_600_123.9)).toBe('1767225600123000000');
  });
});

describe('verifying', () => {
  const signer = createSigner(new Secret(SEED));
  const message = signedMessage(REQUEST);
  const signature = signer.sign(message);

  it('accepts the signature in either case of hex and nothing else', () => {
    expect(verifySignature(signer.publicKey, message, signature)).toBe(true);
    expect(verifySignature(signer.publicKey.toUpperCase(), message, signature.toUpperCase())).toBe(true);
    expect(verifySignature(signer.publicKey, signedMessage({ ...REQUEST, method: 'put' }), signature)).toBe(false);
    expect(verifySignature(createSigner(new Secret('d3'.repeat(32))).publicKey, message, signature)).toBe(false);
  });

  it.each([
    ['a short key', 'ab', signature],
    ['a key that is no point of the curve', `02${'00'.repeat(31)}`, signature],
    ['no hex', signer.publicKey, 'x'.repeat(128)],
    ['a truncated signature', signer.publicKey, signature.slice(2)],
    ['an S outside the group', signer.publicKey, `${signature.slice(0, 64)}${'ff'.repeat(32)}`],
  ])('calls %s false instead of throwing', (_, key, text) => {
    expect(verifySignature(key, message, text)).toBe(false);
  });
});

const shared = sharedVectors();
describe.skipIf(!shared)(`the platform's request vectors${shared ? '' : ` (${WHY_SKIPPED})`}`, () => {
  it.each(shared?.vectors ?? [])('$name', (vector) => {
    const header = 'X-Public-Key' in vector.headers ? 'X-Public-Key' : 'X-Agent-Pubkey';
    const signer = createSigner(new Secret(vector.secret_seed_hex), header);
    const { timestamp, nonce, method } = vector;
    const parts = { timestamp, nonce, method, path: vector.wire_path, body: vector.body_utf8 };
    expect(bytesToHex(signedMessage(parts))).toBe(vector.message_hex);
    const { 'Content-Type': _, ...authentication } = vector.headers;
    expect(signedHeaders(signer, parts)).toEqual(authentication);
    expect(verifySignature(vector.public_key_hex, hexToBytes(vector.message_hex), vector.signature_hex)).toBe(true);
  });

  it.each(shared?.negative_vectors ?? [])('rejects: $name', ({ signature_hex }) => {
    const first = shared?.vectors[0];
    if (!first) throw new Error('the vectors file has no vectors');
    expect(verifySignature(first.public_key_hex, hexToBytes(first.message_hex), signature_hex)).toBe(false);
  });
});
