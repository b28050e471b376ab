import { describe, expect, test } from 'vitest';
import { sharedVectors, WHY_SKIPPED } from '../../src/identity/shared-vectors.ts';
import { authenticate } from './auth.ts';
import { createPlatformCore } from './core.ts';
import { openCredentials, sealCredentials } from './credentials.ts';
import { manualClock } from './manual-clock.ts';
import { DEFAULT_SETTINGS, REAL_SERVER } from './options.ts';
import { seededRandom } from './story.ts';
import { cheapCrypto, cheapSignature, realCrypto } from './verify.ts';

const shared = sharedVectors();
const requests = shared?.vectors ?? [];
const envelopes = shared?.credential_vectors ?? [];
const FIXED_CONTRACT = '310b8d7fa9842421c92e38117dd7f193cd311bd285d5679d815b964db6fe6577';

describe.skipIf(!shared)(`the published vectors (${shared ? 'present' : WHY_SKIPPED})`, () => {
  test.each(requests.map((vector) => [vector.name, vector] as const))('accepted: %s', (_, vector) => {
    expect(judge(vector).key).toBe(vector.public_key_hex);
  });

  test.each(requests.map((vector) => [vector.name, vector] as const))('refused with one more byte: %s', (_, vector) => {
    expect(() => judge({ ...vector, body_utf8: `${vector.body_utf8} ` })).toThrow('Invalid signature');
  });

  test.each((shared?.negative_vectors ?? []).map((vector) => [vector.name, vector.signature_hex] as const))(
    'refused: %s',
    (_, signature) => {
      const [good] = requests;
      expect(good && judge({ ...good, headers: { ...good.headers, 'X-Signature': good.signature_hex } })).toBeDefined();
      expect(() => good && judge({ ...good, headers: { ...good.headers, 'X-Signature': signature } })).toThrow(
        'Invalid signature',
      );
    },
  );

  test.each(envelopes.map((vector) => [vector.name, vector] as const))('opened: %s', (_, vector) => {
    const seed = Buffer.from(vector.requester_ed25519_seed_hex, 'hex');
    expect(openCredentials(vector.envelope_json, seed, FIXED_CONTRACT)).toBe(vector.plaintext_utf8);
  });

  test.each(envelopes.filter(({ version }) => version === 2).map((vector) => [vector.name, vector] as const))(
    'sealed byte for byte: %s',
    (_, vector) => {
      const draws = [vector.ephemeral_secret_raw_hex, vector.nonce_hex];
      const random = { ...seededRandom(1), bytes: () => Uint8Array.from(Buffer.from(draws.shift() ?? '', 'hex')) };
      const { requester_ed25519_pubkey_hex: tenant, plaintext_utf8: password } = vector;
      expect(sealCredentials(tenant, FIXED_CONTRACT, password, random)).toBe(vector.envelope_json);
    },
  );
});

interface Vector {
  readonly method: string;
  readonly wire_path: string;
  readonly body_utf8: string;
  readonly timestamp: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Authenticates a published request at its own time, with a delegation for its key should it be an agent's. */
function judge(vector: Vector) {
  const clock = manualClock(Number(BigInt(vector.timestamp) / 1_000_000n));
  const random = seededRandom(1);
  const core = createPlatformCore({ clock, random });
  const headers = Object.fromEntries(
    Object.entries(vector.headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const agent = headers['x-agent-pubkey'];
  if (agent) core.agents.set(agent, { agent, provider: 'ff'.repeat(32), permissions: [], createdAt: 0 });
  const { state } = core;
  const platform = { state, clock, random, crypto: realCrypto, settings: DEFAULT_SETTINGS, quirks: REAL_SERVER };
  const request = { method: vector.method, path: vector.wire_path, headers, body: vector.body_utf8 };
  return authenticate(platform, request, agent ? 'agent' : 'provider', clock.now());
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
  // y = 2 belongs to no point of the curve.
  expect(realCrypto.isPublicKey(`02${'00'.repeat(31)}`)).toBe(false);
  expect(realCrypto.isPublicKey(realCrypto.publicKeyOf('11'.repeat(32)))).toBe(true);
  expect(realCrypto.verify(realCrypto.publicKeyOf('11'.repeat(32)), Buffer.from('x'), 'ff'.repeat(64))).toBe(false);
});
