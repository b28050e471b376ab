import { inspect } from 'node:util';
import { bytesToHex, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { describe, expect, it } from 'vitest';
import { Secret } from '../ports/secret.ts';
import { sharedVectors, WHY_SKIPPED } from './shared-vectors.ts';
import { createSigner, nanoseconds, type SignedParts, signedHeaders, signedMessage, verifySignature } from './sign.ts';

const SEED = 'd2'.repeat(32);
const REQUEST = {
  timestamp: '1789000000987654321',
  nonce: '6f1c1b1e-57f0-4b0a-9d6d-0a1b2c3d4e5f',
  method: 'PUT',
  path: '/api/v1/provider/rental-requests/ab/provisioning',
  body: '{"status":"provisioning","instanceDetails":"Grüße \u{1f680}"}',
};

/** Computed by an implementation of RFC 8032 written for the purpose, so that the library is not compared with itself. */
const KNOWN: readonly [request: SignedParts, seed: string, publicKey: string, signature: string][] = [
  [
    REQUEST,
    SEED,
    '41e8fde132ad670e534cd8b275d2cd7eec77733c66f8db48a1cada7fabfc4555',
    '75bb221382ffba72e6126ab1a2f6777ed5bc668ebe7228a079270267868c4cf13b42683b8367d9963a897d341d54767a3b3d7371e730be2c3a47cd656f7fd804',
  ],
  [
    without(REQUEST, 'GET', '/api/v1/providers/ab/contracts/pending-provision?ignored=1'),
    SEED,
    '41e8fde132ad670e534cd8b275d2cd7eec77733c66f8db48a1cada7fabfc4555',
    'b3e4443507140da3acfd0f9d21bb47988a4a5725a23521172452037bf5e6a8b0319856d604ee8297bebb06717fd5e526415ec6ecef34ee9d31d4ed9f36c2a404',
  ],
  [
    without(REQUEST, 'DELETE', '/api/v1/providers/ab/contracts/cd/lock'),
    SEED,
    '41e8fde132ad670e534cd8b275d2cd7eec77733c66f8db48a1cada7fabfc4555',
    '1ac058c9ec221945fa3fea30830577eb507d07de5758c3566d1cd0c8d2a5d5d541f4cc6051c96d66575e1fab7a0d02a53b2a8af1d5bd6595c3bb1dea8e26120d',
  ],
  [
    { ...REQUEST, method: 'POST', path: '/api/v1/providers/ab/pools', body: '{"name":"p","location":"europe"}' },
    '5a'.repeat(32),
    '0d7550754e0800a5d237eef5826035766b9b3e5a15868a940ab289958788e3b0',
    '8cadc31be58e55ecc453b9d5301a750649bf0c6ef06800a6099b84e3d67519b08cae5efa081e0c7b730b7f3ab2d2c711dc7da272d1a1bf2234271d604403e70d',
  ],
];

/** Signatures over REQUEST by the same key, each with one mistake; from the same implementation. */
const MISTAKES: readonly [mistake: string, signature: string][] = [
  [
    'plain Ed25519',
    '48cf6f69cb4814df8e23e149a31269b0fac938623b270f42eb97a545aec14048f4a6402df3fb40b5c60b7ead54f6ebad03ab7e5441e7b305110a12c9f252d90f',
  ],
  [
    'Ed25519ctx, so no prehash',
    'd314937917ddf39df68e134c88ddd7c5edf04d52f5abf4022750fbeeb376093ae8c2df901d597a7e20f3b28d36944b02b9ece896f64b879a6060815e1a2d770a',
  ],
  [
    'no context',
    'ee75c2fff05ab110f8b6ef85a8bb49e719496410e8c45baf5c0c8c7f1857c67e95832c99e7f3966b381c378a4568c09b5fbb24212a8e5a1b365be8a9006fcd08',
  ],
  [
    'hashed twice',
    '872abcd843beb180fe45c1566253f7017c7ad046c90aa825385ad0ac409a0cfd8ddcc3e2c34bc2fee35b31fe0be9794441cc80696ce637d70384fdcf231fe00c',
  ],
  [
    'hashed twice, in hex',
    '01a75c24f5531f9f9b22268aa224d97dd9f2d610cccd8808d79d4d812d3bf56752c29355c586bc8a3ff2f1f4078eb4956085f282550beeba184776abadd1320b',
  ],
  [
    'parts on lines of their own',
    'dff537ccdd440e2c265535087289947aebd002bc7eeaa3789457f5545d1a3b7a18cfdd5050ea7f2c7984b34e43319c3de20968397075df6967516f7efd211905',
  ],
  [
    'path without /api/v1',
    '461fea9c1da99ac411153ea18092056749f6e3d080c7df85c8082eb4545f6dbbb34cdcfa637beefebd92c605fd0538aaf768e558137d819cacaf061f3c4ab409',
  ],
  [
    'milliseconds',
    '2f392a92665937461f8767797c050407c791823f2073e6f697e359044a2acd2a80e38c106422ccc0a38015b3c439d0829490d0036d506d4e352d41483f45000d',
  ],
  [
    'method in lower case',
    '44c42376904c16d3dbe726a4cb8d6d5095d42338b776e349001d8318644a3fb9a355275956638386f33805dd7bd221eb3e14718cc4e58efbad68cde18ad34a0a',
  ],
];

describe('signing a request', () => {
  it.each(KNOWN)('gives the known answer of request %#', (request, seed, publicKey, signature) => {
    const signer = createSigner(new Secret(seed));
    expect(signedHeaders(signer, request)).toEqual({
      'X-Agent-Pubkey': publicKey,
      'X-Timestamp': request.timestamp,
      'X-Nonce': request.nonce,
      'X-Signature': signature,
    });
    expect(verifySignature(publicKey, signedMessage(request), signature)).toBe(true);
  });

  it.each(MISTAKES)('is not done by the mistake: %s', (_, signature) => {
    const signer = createSigner(new Secret(SEED));
    expect(verifySignature(signer.publicKey, signedMessage(REQUEST), signature)).toBe(false);
    expect(signer.sign(signedMessage(REQUEST))).not.toBe(signature);
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

describe('a signer', () => {
  it('does not show its seed however it is printed', () => {
    const signer = createSigner(new Secret(SEED));
    const shown = `${inspect(signer, { depth: 9, showHidden: true })}${JSON.stringify(signer)}${String(signer.sign)}`;
    expect(shown).not.toContain(SEED);
    expect(shown).not.toContain(Buffer.from(SEED, 'hex').toString('base64'));
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

  it("include the known answer of the platform's own tests", () => {
    const answers =
      shared?.known_answers_from_reference_repo.filter((answer) => answer.signature_hex !== undefined) ?? [];
    expect(answers.length).toBeGreaterThan(0);
    for (const { seed_hex = '', pubkey_hex = '', message_utf8 = '', signature_hex = '' } of answers) {
      const signer = createSigner(new Secret(seed_hex));
      expect(signer.publicKey).toBe(pubkey_hex);
      expect(signer.sign(utf8ToBytes(message_utf8))).toBe(signature_hex);
    }
  });

  it.each(shared?.negative_vectors ?? [])('rejects: $name', ({ signature_hex }) => {
    const first = shared?.vectors[0];
    if (!first) throw new Error('the vectors file has no vectors');
    expect(verifySignature(first.public_key_hex, hexToBytes(first.message_hex), signature_hex)).toBe(false);
  });
});

function without({ timestamp, nonce }: SignedParts, method: string, path: string): SignedParts {
  return { timestamp, nonce, method, path };
}
