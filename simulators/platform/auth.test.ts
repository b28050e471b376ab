import { describe, expect, test } from 'vitest';
import type { PlatformRequest } from './core.ts';
import { cheapSigning, signRequest } from './sign.ts';
import { createStory, seededRandom } from './story.ts';
import { cheapCrypto } from './verify.ts';

function setting() {
  const story = createStory();
  const path = `/api/v1/providers/${story.provider}/heartbeat`;
  const body = '{"activeContracts":0}';
  const make = (change: { now?: number; path?: string; body?: string; headers?: object } = {}): PlatformRequest => {
    const clock = { ...story.clock, now: () => change.now ?? story.clock.now() };
    const identity = { seed: story.agent.key, header: 'x-agent-pubkey', clock, random: seededRandom(9) } as const;
    const target = change.path ?? path;
    const text = change.body ?? body;
    const headers = signRequest({ ...identity, signing: cheapSigning }, 'POST', target, text);
    return {
      method: 'POST',
      path: target,
      headers: { ...headers, 'content-type': 'application/json', ...change.headers },
      body: text,
    };
  };
  const answer = (request: PlatformRequest) => {
    const { status, body: text, headers } = story.core.handle(request).response;
    return { status, text, type: headers['content-type'] };
  };
  return { story, make, answer };
}

const MINUTES_5 = 300_000;

describe('a request is judged in the order of the server', () => {
  const rows: [string, object, number, RegExp][] = [
    ['no key header', { 'x-agent-pubkey': undefined }, 401, /^Missing required header: X-Agent-Pubkey$/],
    ['no signature', { 'x-signature': undefined }, 401, /^Missing required header: X-Signature$/],
    ['no timestamp', { 'x-timestamp': undefined }, 401, /^Missing required header: X-Timestamp$/],
    ['no nonce', { 'x-nonce': undefined }, 401, /^Missing required header: X-Nonce$/],
    ['a header that is not ASCII', { 'x-nonce': 'ü' }, 401, /^Missing required header: X-Nonce$/],
    ['a key that is not hex', { 'x-agent-pubkey': 'zz' }, 400, /^Invalid format: /],
    ['a key of the wrong length', { 'x-agent-pubkey': 'abcd' }, 400, /^Invalid format: .*32 bytes/],
    ['a signature that is not hex', { 'x-signature': 'zz' }, 400, /^Invalid format: /],
    ['a signature of the wrong length', { 'x-signature': 'abcd' }, 400, /^Invalid format: .*64 bytes/],
    ['a timestamp that is no number', { 'x-timestamp': '1.5' }, 400, /^Invalid format: timestamp/],
    ['a timestamp above 64 bits', { 'x-timestamp': '9223372036854775808' }, 400, /^Invalid format: timestamp/],
    ['a nonce that is no UUID', { 'x-nonce': 'once' }, 400, /^Invalid format: nonce/],
    ['a bad key before a bad clock', { 'x-agent-pubkey': 'zz', 'x-timestamp': '1' }, 400, /public key/],
    ['a bad clock before a bad nonce', { 'x-timestamp': '1', 'x-nonce': 'once' }, 401, /timestamp expired/],
    ['a bad nonce before a bad signature', { 'x-nonce': 'once', 'x-signature': '00'.repeat(64) }, 400, /nonce/],
    ['a bad signature before a bad body', { 'x-signature': '00'.repeat(64) }, 401, /^Invalid signature: /],
  ];
  test.each(rows)('%s', (_, headers, status, text) => {
    const { make, answer } = setting();
    const got = answer(make({ headers, body: '{' }));
    expect(got).toMatchObject({ status, type: 'text/plain; charset=utf-8' });
    expect(got.text).toMatch(text);
  });

  test('a missing content type is 415 before the body is parsed, and a broken body is 400', () => {
    const { make, answer } = setting();
    expect(answer(make({ headers: { 'content-type': undefined }, body: '{' })).status).toBe(415);
    expect(answer(make({ headers: { 'content-type': 'text/plain' } })).status).toBe(415);
    expect(answer(make({ headers: { 'content-type': 'application/merge-patch+json; charset=utf-8' } })).status).toBe(
      200,
    );
    const broken = answer(make({ body: '{' }));
    expect(broken.status).toBe(400);
    expect(broken.text).toMatch(/^parse request payload error: /);
  });

  test('an unknown route is 404 and a known one with another method is 405, both without any signature', () => {
    const { story } = setting();
    const bare = (method: string, path: string) =>
      story.core.handle({ method, path, headers: {}, body: '' }).response.status;
    expect(bare('GET', '/api/v1/nowhere')).toBe(404);
    expect(bare('GET', '/other')).toBe(404);
    expect(bare('PATCH', `/api/v1/providers/${story.provider}/heartbeat`)).toBe(405);
    expect(bare('POST', `/api/v1/provider/contracts/${'ab'.repeat(32)}/health`)).toBe(404);
  });

  test('an Origin header is 403 before anything else', () => {
    const { make, answer } = setting();
    expect(answer(make({ headers: { origin: 'https://example.org' } })).status).toBe(403);
  });
});

describe('the clock', () => {
  test.each([
    [MINUTES_5, 200],
    [-MINUTES_5, 200],
    [MINUTES_5 + 1, 401],
    [-MINUTES_5 - 1, 401],
  ])('a timestamp %i ms away gives %i', (offset, status) => {
    const { story, make, answer } = setting();
    expect(answer(make({ now: story.clock.now() + offset })).status).toBe(status);
  });

  test('every answer carries the server time, also the refusal', () => {
    const { story, make } = setting();
    const { response } = story.core.handle(make({ now: 0 }));
    expect(response.status).toBe(401);
    expect(Date.parse(response.headers['date'] ?? '')).toBe(story.clock.now());
  });
});

describe('signatures', () => {
  test('do not cover the query', () => {
    const { story, make, answer } = setting();
    const request = make();
    expect(answer({ ...request, path: `${request.path}?a=b` }).status).toBe(200);
    expect(story.core.state.beats.size).toBe(1);
  });

  test('may be replayed while their timestamp lasts', () => {
    const { story, make, answer } = setting();
    const request = make();
    story.clock.advance(MINUTES_5 - 1);
    expect([answer(request).status, answer(request).status]).toEqual([200, 200]);
    story.clock.advance(2);
    expect(answer(request).status).toBe(401);
  });

  test('by a key that is not on the curve are a server error', () => {
    const story = createStory({ crypto: { ...cheapCrypto, isPublicKey: () => false } });
    expect(story.agent.send('POST', `/providers/${story.provider}/heartbeat`, {})).toMatchObject({ status: 500 });
  });
});

describe('delegations', () => {
  test.each(['revoked', 'expired', 'unknown'])('a key whose delegation is %s gets 401', (how) => {
    const story = createStory();
    const row = story.core.agents.get(story.agent.key);
    if (row && how === 'expired') row.expiresAt = story.clock.now();
    if (how === 'revoked') story.core.admin.revoke(story.agent.key);
    if (how === 'unknown') story.core.agents.delete(story.agent.key);
    const answer = story.agent.send('GET', `/providers/${story.provider}/contracts/pending-provision`);
    expect(answer.status).toBe(401);
    expect(answer.text).toBe(`Invalid signature: No active delegation found for agent key '${story.agent.key}'`);
  });

  test('a provider key cannot stand in for an agent key, nor an agent key for a provider key', () => {
    const story = createStory();
    const provider = story.actor(story.provider, 'x-public-key');
    expect(provider.send('GET', `/providers/${story.provider}/contracts/pending-provision`)).toMatchObject({
      status: 401,
      text: 'Missing required header: X-Agent-Pubkey',
    });
    expect(story.agent.send('GET', `/providers/${story.provider}/pools`)).toMatchObject({
      status: 401,
      text: 'Missing required header: X-Public-Key',
    });
  });
});

test('in production a peer gets 60 writes and 120 reads a minute, and the health path stays free', () => {
  const story = createStory({ settings: { rateLimits: true } });
  const beat = () => story.agent.outcome('POST', `/providers/${story.provider}/heartbeat`, { activeContracts: 0 });
  for (let i = 0; i < 60; i++) expect(beat().response.status).toBe(200);
  const limited = beat().response;
  expect(limited.status).toBe(429);
  expect(limited.headers).toMatchObject({ 'retry-after': '60', 'x-ratelimit-tier': 'standard' });
  const list = () => story.agent.send('GET', `/providers/${story.provider}/contracts/pending-provision`).status;
  for (let i = 0; i < 120; i++) expect(list()).toBe(200);
  expect(list()).toBe(429);
  expect(story.agent.send('GET', '/health').status).toBe(200);
  story.clock.advance(60_000);
  expect(beat().response.status).toBe(200);
});
