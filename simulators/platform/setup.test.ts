import { describe, expect, test } from 'vitest';
import { createStory, type Story } from './story.ts';

const HOUR = 3_600_000;
const owner = (story: Story) => story.actor(story.provider, 'x-public-key');
const setUp = (story: Story, token: string, agentPubkey: string) =>
  story.agent.send('POST', '/agents/setup', { token, agentPubkey });
const NEW_KEY = 'ce'.repeat(32);

describe('setup by token', () => {
  test('registers the key with every permission, once', () => {
    const story = createStory();
    const token = story.core.admin.token(story.pool, { label: 'rack 1' });
    expect(token).toMatch(/^apt_europe_[0-9a-f]{16}$/);
    expect(setUp(story, token, NEW_KEY).data).toEqual({
      providerPubkey: story.provider,
      poolId: story.pool.id,
      poolName: 'pool',
      poolLocation: 'europe',
      provisionerType: 'sandbox',
      permissions: ['provision', 'health_check', 'heartbeat', 'fetch_contracts', 'dns_manage'],
    });
    expect(story.core.agents.get(NEW_KEY)).toMatchObject({ label: 'rack 1', poolId: story.pool.id });
    expect(setUp(story, token, NEW_KEY).error).toBe('Setup token already used');
  });

  test('refuses unknown and expired tokens, and a bad key before the token is touched', () => {
    const story = createStory();
    const token = story.core.admin.token(story.pool, { expiresInHours: 1 });
    expect(setUp(story, 'apt_europe_0', NEW_KEY).error).toBe('Invalid setup token');
    expect(setUp(story, token, 'abc').error).toMatch(/^Invalid agent_pubkey: /);
    expect(setUp(story, token, 'abcd').error).toMatch(/^Invalid agent_pubkey: Public key must be 32 bytes/);
    expect(story.core.state.tokens.get(token)?.usedAt).toBeUndefined();
    story.clock.advance(HOUR);
    expect(setUp(story, token, NEW_KEY).error).toBe('Setup token expired');
  });

  test('a token lives for a day unless told', () => {
    const story = createStory();
    const token = story.core.admin.token(story.pool);
    story.clock.advance(24 * HOUR - 1);
    expect(setUp(story, token, NEW_KEY).success).toBe(true);
  });

  test('burns the token even when the pool is gone', () => {
    const story = createStory();
    const empty = story.core.admin.pool(story.provider, { name: 'empty' });
    const token = story.core.admin.token(empty);
    expect(owner(story).send('DELETE', `/providers/${story.provider}/pools/${empty.id}`).data).toBe(true);
    expect(setUp(story, token, NEW_KEY).error).toBe('Pool not found for token');
    expect(setUp(story, token, NEW_KEY).error).toBe('Setup token already used');
  });

  test('moves a known key to the new pool and un-revokes it; its birthday stays', () => {
    const story = createStory();
    const born = story.clock.now();
    const second = story.core.admin.pool(story.provider, { name: 'second', location: 'na' });
    story.core.admin.revoke(story.agent.key);
    story.clock.advance(HOUR);
    setUp(story, story.core.admin.token(second), story.agent.key);
    const row = story.core.agents.get(story.agent.key);
    expect(row).toMatchObject({ poolId: second.id, createdAt: born });
    expect(row?.revokedAt).toBeUndefined();
  });

  test('reads a missing field as 400', () => {
    const story = createStory();
    expect(story.agent.send('POST', '/agents/setup', { token: 'x' })).toMatchObject({
      status: 400,
      text: 'parse request payload error: field "agentPubkey" is required',
    });
  });
});

describe('delegations', () => {
  const path = (story: Story) => `/providers/${story.provider}/agent-delegations`;

  test('are listed, renamed and revoked; revoked ones stay in the list', () => {
    const story = createStory();
    const one = `${path(story)}/${story.agent.key}`;
    expect(owner(story).send('PUT', `${one}/label`, { label: 'attic' }).data).toBe(true);
    expect(owner(story).send('DELETE', one).data).toBe(true);
    expect(owner(story).send('DELETE', one).data).toBe(false);
    expect(owner(story).send('GET', path(story)).data).toMatchObject([
      { agentPubkey: story.agent.key, label: 'attic', active: false, poolId: story.pool.id, online: false },
    ]);
    expect(story.agent.send('GET', `/providers/${story.provider}/contracts/pending-provision`).status).toBe(401);
  });

  test('of others cannot be touched', () => {
    const story = createStory();
    const stranger = story.actor(story.core.admin.provider(), 'x-public-key');
    expect(stranger.send('DELETE', `/providers/${stranger.key}/agent-delegations/${story.agent.key}`).success).toBe(
      false,
    );
    expect(stranger.send('DELETE', `${path(story)}/${story.agent.key}`).error).toMatch(/^Unauthorized/);
  });
});

describe('pools', () => {
  const path = (story: Story) => `/providers/${story.provider}/pools`;

  test('get an id from their name, and must lie in a known region', () => {
    const story = createStory();
    const made = owner(story).send('POST', path(story), {
      name: 'My Rack_1-Ü',
      location: 'na',
      provisionerType: 'any thing',
    });
    expect(made.data.poolId).toMatch(/^myrack1-ü-[0-9a-f]{8}$/);
    for (const location of ['EU', 'Europe', '']) {
      const answer = owner(story).send('POST', path(story), { name: 'x', location, provisionerType: 'docker' });
      expect(answer.error).toMatch(/^Invalid location/);
    }
  });

  test('show statistics in the list and not by themselves', () => {
    const story = createStory();
    story.agent.send('POST', `/providers/${story.provider}/heartbeat`, { activeContracts: 0 });
    story.bringUp(story.rent());
    expect(owner(story).send('GET', path(story)).data).toMatchObject([
      { poolId: story.pool.id, agentCount: 1, onlineCount: 1, activeContracts: 1, offeringsCount: 1 },
    ]);
    expect(owner(story).send('GET', `${path(story)}/${story.pool.id}`).data).toEqual({
      poolId: story.pool.id,
      providerPubkey: story.provider,
      name: 'pool',
      location: 'europe',
      provisionerType: 'sandbox',
      createdAtNs: story.pool.createdAt * 1e6,
    });
  });

  test('are changed, and deleted only without agents', () => {
    const story = createStory();
    const one = `${path(story)}/${story.pool.id}`;
    expect(owner(story).send('PUT', one, { name: 'renamed' }).data).toBe(true);
    expect(story.pool).toMatchObject({ name: 'renamed', location: 'europe' });
    expect(owner(story).send('DELETE', one).error).toMatch(/^Cannot delete pool with 1 active agents/);
    story.core.admin.revoke(story.agent.key);
    expect(owner(story).send('DELETE', one).data).toBe(true);
  });

  test('list their agents and their open tokens', () => {
    const story = createStory();
    const one = `${path(story)}/${story.pool.id}`;
    const made = owner(story).send('POST', `${one}/setup-tokens`, { label: 'x', expiresInHours: 2 }).data;
    expect(made).toMatchObject({
      poolId: story.pool.id,
      label: 'x',
      expiresAtNs: (story.clock.now() + 2 * HOUR) * 1e6,
    });
    expect(owner(story).send('GET', `${one}/agents`).data).toMatchObject([{ agentPubkey: story.agent.key }]);
    expect(owner(story).send('GET', `${one}/setup-tokens`).data).toEqual([made]);
    expect(owner(story).send('DELETE', `${one}/setup-tokens/${made.token}`).data).toBe(true);
    expect(owner(story).send('GET', `${one}/setup-tokens`).data).toEqual([]);
  });

  test('need a content type even for an empty body', () => {
    const story = createStory();
    const tokens = `${path(story)}/${story.pool.id}/setup-tokens`;
    expect(owner(story).send('POST', tokens).status).toBe(415);
    expect(owner(story).send('POST', tokens, {}).success).toBe(true);
  });

  test('pass the upgrade directive on as typed, until the operator takes it back', () => {
    const story = createStory();
    const upgrade = (version: string | null) =>
      owner(story).send('POST', `${path(story)}/${story.pool.id}/upgrade`, { version });
    const told = () =>
      story.agent.send('POST', `/providers/${story.provider}/heartbeat`, { activeContracts: 0 }).data.upgradeToVersion;
    expect(upgrade(' v0.6.1').data).toBe(true);
    expect([told(), told()]).toEqual([' v0.6.1', ' v0.6.1']);
    expect(upgrade('latest').success).toBe(false);
    upgrade(null);
    expect(told()).toBeUndefined();
  });
});
