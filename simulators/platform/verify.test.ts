import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { authenticate } from './auth.ts';
import { openCredentials, sealCredentials } from './credentials.ts';
import { createStory, manualClock, seededRandom } from './story.ts';
import { cheapCrypto, cheapSignature, realCrypto } from './verify.ts';

const file = `${process.env['DC_SPECS_DIR'] ?? '../shared/specs'}/../facts/auth-vectors.json`;
const missing = !existsSync(file);
// In CI the vectors must be there: a suite that skips its own proof is not green.
if (missing && process.env['CI'] === 'true') throw new Error(`Test vectors not found at ${file}`);
const vectors = missing ? undefined : JSON.parse(readFileSync(file, 'utf8'));

describe.skipIf(missing)('published request signatures (skipped where the vector file is absent)', () => {
  test.each(vectors?.vectors.map((vector: { name: string }) => [vector.name, vector]) ?? [])('accepts: %s', (_, vector) => {
    const { agents, platform } = vectorPlatform();
    agents.set(vector.public_key_hex, vector.role);
    const caller = authenticate(platform, requestOf(vector), vector.role === 'agent' ? 'agent' : 'provider', NOW);
    expect(caller.key).toBe(vector.public_key_hex);
  });

  test.each(vectors?.negative_vectors.map((vector: { name: string }) => [vector.name, vector]) ?? [])(
    'refuses: %s',
    (_, negative) => {
      const good = vectors.vectors[0];
      const { platform } = vectorPlatform();
      const request = requestOf(good);
      const changed = { ...request, headers: { ...request.headers, 'x-signature': negative.signature_hex } };
      expect(() => authenticate(platform, changed, 'agent', NOW)).toThrow('Invalid signature');
    },
  );

  test.each(vectors?.credential_vectors.map((vector: { name: string }) => [vector.name, vector]) ?? [])(
    'opens the published envelope: %s',
    (_, vector) => {
      const seed = Buffer.from(vector.requester_ed25519_seed_hex, 'hex');
      const contract = vectors.fixed.contract_id_hex;
      expect(openCredentials(vector.envelope_json, seed, contract)).toBe(vector.plaintext_utf8);
    },
  );

  test('seals byte for byte as published', () => {
    const vector = vectors.credential_vectors.find((entry: { version: number }) => entry.version === 2);
    const draws = [vector.ephemeral_secret_raw_hex, vector.nonce_hex];
    const random = { ...seededRandom(1), bytes: () => Uint8Array.from(Buffer.from(draws.shift(), 'hex')) };
    const { requester_ed25519_pubkey_hex: tenant, plaintext_utf8: password } = vector;
    expect(sealCredentials(tenant, vectors.fixed.contract_id_hex, password, random)).toBe(vector.envelope_json);
  });
});

const NOW = 1_767_225_600_123;

function vectorPlatform() {
  const story = createStory();
  const agents = new Map<string, string>();
  const provider = 'ff'.repeat(32);
  const delegation = { agent: '', provider, permissions: [], createdAt: 0 };
  const rows = { get: () => delegation };
  const state = { ...story.core.state, agents: Object.assign(new Map(), rows) };
  const platform = {
    ...story.core,
    state,
    clock: manualClock(NOW),
    random: seededRandom(1),
    crypto: realCrypto,
  };
  return { agents, platform };
}

function requestOf(vector: {
  method: string;
  wire_path: string;
  body_utf8: string;
  headers: Record<string, string>;
}) {
  const headers = Object.fromEntries(Object.entries(vector.headers).map(([name, value]) => [name.toLowerCase(), value]));
  return { method: vector.method, path: vector.wire_path, headers, body: vector.body_utf8 };
}

describe('envelopes', () => {
  const contract = 'ab'.repeat(32);
  const seed = '11'.repeat(32);
  const sealed = sealCredentials(realCrypto.publicKeyOf(seed), contract, 'pässwörd ☂', seededRandom(5));

  test('open for the tenant only, and only for the contract they were made for', () => {
    expect(openCredentials(sealed, Buffer.from(seed, 'hex'), contract)).toBe('pässwörd ☂');
    expect(() => openCredentials(sealed, Buffer.from('22'.repeat(32), 'hex'), contract)).toThrow();
    expect(() => openCredentials(sealed, Buffer.from(seed, 'hex'), 'cd'.repeat(32))).toThrow();
  });

  test('never show the password', () => {
    expect(sealed).not.toContain('pässwörd');
  });
});

describe('the cheap stand-in', () => {
  test('depends on the key and on every byte of the message', () => {
    const key = 'aa'.repeat(32);
    const signature = cheapSignature(key, Buffer.from('message'));
    expect(signature).toMatch(/^[0-9a-f]{128}$/);
    expect(cheapCrypto.verify(key, Buffer.from('message'), signature)).toBe(true);
    expect(cheapCrypto.verify(key, Buffer.from('messagf'), signature)).toBe(false);
    expect(cheapCrypto.verify('ab'.repeat(32), Buffer.from('message'), signature)).toBe(false);
  });
});

test('a key that is no curve point is told from a wrong signature', () => {
  expect(realCrypto.isPublicKey('ff'.repeat(32))).toBe(false);
  expect(realCrypto.isPublicKey(realCrypto.publicKeyOf('11'.repeat(32)))).toBe(true);
  expect(realCrypto.verify(realCrypto.publicKeyOf('11'.repeat(32)), Buffer.from('x'), 'ff'.repeat(64))).toBe(false);
});
