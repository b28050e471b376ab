import { describe, expect, test } from 'vitest';
import { createStory, type Story } from './story.ts';

const DAY = 86_400_000;
const owner = (story: Story) => story.actor(story.provider, 'x-public-key');
const beat = (story: Story, body: object) => story.agent.send('POST', `/providers/${story.provider}/heartbeat`, body);

const RESOURCES = {
  cpuCores: 4,
  cpuThreads: 8,
  memoryTotalMb: 1024,
  memoryAvailableMb: 512,
  storagePools: [],
  gpuDevices: [],
  templates: [],
};

describe('the heartbeat', () => {
  test('answers with interval and pool, and makes the agent online for five minutes', () => {
    const story = createStory();
    expect(beat(story, { activeContracts: 2 }).data).toEqual({
      acknowledged: true,
      nextHeartbeatSeconds: 60,
      poolId: story.pool.id,
      poolName: 'pool',
    });
    const online = () => story.agent.send('GET', `/providers/${story.provider}/agent-status`).data.online;
    story.clock.advance(300_000 - 1);
    expect(online()).toBe(true);
    story.clock.advance(1);
    expect(online()).toBe(false);
  });

  test('keeps what is left out or null, and always takes the number of contracts', () => {
    const story = createStory();
    beat(story, {
      version: '1',
      provisionerType: 'docker',
      capabilities: ['a'],
      activeContracts: 2,
      resources: RESOURCES,
    });
    beat(story, { version: null, capabilities: null, activeContracts: 0, resources: null });
    expect(story.agent.send('GET', `/providers/${story.provider}/agent-status`).data).toEqual({
      providerPubkey: story.provider,
      online: true,
      lastHeartbeatNs: story.clock.now() * 1e6,
      version: '1',
      provisionerType: 'docker',
      capabilities: ['a'],
      activeContracts: 0,
      resources: RESOURCES,
    });
  });

  test('status shows the agent seen last, with nulls, and nothing before the first heartbeat', () => {
    const story = createStory();
    const status = () => story.agent.send('GET', `/providers/${story.provider}/agent-status`);
    expect(status()).toMatchObject({ status: 200, success: false });
    const other = story.agentIn(story.pool);
    beat(story, { activeContracts: 1 });
    story.clock.advance(1);
    other.send('POST', `/providers/${story.provider}/heartbeat`, { activeContracts: 7 });
    expect(status().data).toMatchObject({ activeContracts: 7, version: null, capabilities: null, resources: null });
  });

  test.each([
    ['no activeContracts', {}],
    ['a float', { activeContracts: '#1.0' }],
    ['a missing array', { activeContracts: 0, resources: { ...RESOURCES, templates: undefined } }],
    ['a negative size', { activeContracts: 0, resources: { ...RESOURCES, memoryTotalMb: -1 } }],
    ['too many cores', { activeContracts: 0, resources: { ...RESOURCES, cpuCores: 2 ** 32 } }],
    [
      'bandwidth without a slug',
      { activeContracts: 0, bandwidthStats: [{ contractId: 'a', bytesIn: 1, bytesOut: 1 }] },
    ],
  ])('%s is 400 for the whole heartbeat', (_, body) => {
    const story = createStory();
    const text = JSON.stringify(body).replace('"#1.0"', '1.0');
    const answer = story.agent.send('POST', `/providers/${story.provider}/heartbeat`, text);
    expect(answer).toMatchObject({ status: 400, text: expect.stringMatching(/^parse request payload error: /) });
    expect(story.core.state.beats.size).toBe(0);
  });

  test('turns numbers into strings, and ignores what it does not know', () => {
    const story = createStory();
    expect(beat(story, { version: 2, activeContracts: 0, moon: 'full' }).success).toBe(true);
    expect(story.core.state.beats.get(story.agent.key)?.version).toBe('2');
    expect(beat(story, { version: {}, activeContracts: 0 }).status).toBe(400);
  });

  test('needs its permission, and the own provider in the path', () => {
    const story = createStory();
    const foreign = `/providers/${story.core.admin.provider()}/heartbeat`;
    expect(story.agent.send('POST', foreign, { activeContracts: 0 }).error).toBe(
      'Agent is not delegated by this provider',
    );
    story.core.admin.setPermissions(story.agent.key, ['provision']);
    expect(beat(story, { activeContracts: 0 }).error).toBe("Agent does not have 'heartbeat' permission");
  });
});

describe('bandwidth', () => {
  const row = (contractId: string, bytesIn: number, bytesOut = 0) => ({
    gatewaySlug: 'abc123',
    contractId,
    bytesIn,
    bytesOut,
  });

  test('is appended as sent, the latest row per contract shown, no difference computed', () => {
    const story = createStory();
    beat(story, { activeContracts: 1, bandwidthStats: [row('aa', 100), row('bb', 1)] });
    story.clock.advance(1000);
    beat(story, { activeContracts: 1, bandwidthStats: [row('aa', 7)] });
    const latest = owner(story).send('GET', `/providers/${story.provider}/bandwidth`).data;
    expect(latest).toMatchObject([
      { contractId: 'aa', bytesIn: 7, gatewaySlug: 'abc123', lastUpdatedNs: story.clock.now() * 1e6 },
      { contractId: 'bb', bytesIn: 1 },
    ]);
    const rows = owner(story).send('GET', `/providers/${story.provider}/contracts/aa/bandwidth`).data;
    expect(rows.map(({ bytesIn }: { bytesIn: number }) => bytesIn)).toEqual([7, 100]);
  });

  test('above 63 bits turns negative', () => {
    const story = createStory();
    const body =
      '{"activeContracts":0,"bandwidthStats":[{"gatewaySlug":"a","contractId":"aa","bytesIn":18446744073709549568,"bytesOut":1}]}';
    expect(story.agent.send('POST', `/providers/${story.provider}/heartbeat`, body).success).toBe(true);
    expect(story.core.state.bandwidth[0]?.bytesIn).toBeLessThan(0);
  });

  test('sent under an upper-case provider key is never found again', () => {
    const story = createStory();
    const path = `/providers/${story.provider.toUpperCase()}/heartbeat`;
    expect(story.agent.send('POST', path, { activeContracts: 1, bandwidthStats: [row('aa', 1)] }).success).toBe(true);
    expect(story.core.state.bandwidth).toHaveLength(1);
    expect(owner(story).send('GET', `/providers/${story.provider}/bandwidth`).data).toEqual([]);
  });
});

describe('health', () => {
  const check = (story: Story, id: string, status: string, checkedAt = story.clock.now() * 1e6) =>
    story.agent.send('POST', `/contracts/${id}/health`, {
      checkedAt,
      status,
      latencyMs: 5,
      details: '{"uptime_seconds":1}',
    });

  test('is appended each time, and read by tenant and provider, the latest first', () => {
    const story = createStory();
    const { id, tenant } = story.rent();
    const first = check(story, id, 'healthy').data;
    expect(first).toEqual({
      id: expect.any(Number),
      contractId: id,
      checkedAt: story.clock.now() * 1e6,
      status: 'healthy',
      latencyMs: 5,
      details: '{"uptime_seconds":1}',
      createdAt: story.clock.now() * 1e6,
    });
    check(story, id, 'healthy');
    const rows = story.actor(tenant, 'x-public-key').send('GET', `/contracts/${id}/health`).data;
    expect(rows.map((row: { id: number }) => row.id)).toEqual([expect.any(Number), first.id]);
    const below = `/providers/${story.provider}/contracts/${id}`;
    expect(owner(story).send('GET', `${below}/health-checks`).data).toEqual(rows);
    expect(story.actor('ab'.repeat(32), 'x-public-key').send('GET', `/contracts/${id}/health`).success).toBe(false);
  });

  test('uptime is the share of healthy rows in 30 days by the time of the check: unknown counts as down', () => {
    const story = createStory();
    const { id } = story.rent();
    const summary = (path = `/contracts/${id}/health-summary`) => owner(story).send('GET', path).data;
    expect(summary()).toMatchObject({ totalChecks: 0, uptimePercent: 0 });
    for (const status of ['healthy', 'healthy', 'unhealthy', 'unknown']) check(story, id, status);
    check(story, id, 'unhealthy', (story.clock.now() - 31 * DAY) * 1e6);
    const counts = { totalChecks: 4, healthyChecks: 2, unhealthyChecks: 1, unknownChecks: 1, uptimePercent: 50 };
    expect(summary()).toMatchObject({ contractId: id, ...counts });
    expect(summary(`/providers/${story.provider}/contracts/${id}/health`)).toMatchObject(counts);
    expect(summary(`/providers/${story.provider}/health-summary`)).toMatchObject(counts);
    expect(summary(`/providers/${story.provider}/health-summary?days=60`)).toMatchObject({
      totalChecks: 5,
      uptimePercent: 40,
    });
  });

  test('is refused in this order: permission, contract, owner, status', () => {
    const story = createStory();
    const { id } = story.rent();
    const foreign = story.core.admin.rent({ offering: story.core.admin.offering(story.core.admin.provider()) });
    expect(check(story, id, 'Healthy').error).toMatch(/^Invalid health status 'Healthy'/);
    expect(check(story, foreign.id, 'x').error).toBe(
      `Unauthorized: agent's provider (${story.provider}) does not match contract provider (${foreign.provider})`,
    );
    expect(check(story, 'ab'.repeat(32), 'x').error).toBe(`Contract not found: ${'ab'.repeat(32)}`);
    story.core.admin.setPermissions(story.agent.key, []);
    expect(check(story, 'ab'.repeat(32), 'x').error).toBe("Agent does not have 'health_check' permission");
  });
});

describe('usage', () => {
  test('is taken from the provider key only, stored, and shown to both parties', () => {
    const story = createStory();
    const { id, tenant } = story.rent();
    const body = { eventType: 'heartbeat', heartbeatAt: 1_767_225_600, unitsDelta: 0.5 };
    expect(story.agent.send('POST', `/contracts/${id}/usage`, body)).toMatchObject({
      status: 401,
      text: 'Missing required header: X-Public-Key',
    });
    const made = owner(story).send('POST', `/contracts/${id}/usage`, body);
    expect(made.data).toEqual(expect.any(Number));
    const read = story.actor(tenant, 'x-public-key').send('GET', `/contracts/${id}/usage`).data;
    expect(read).toMatchObject([{ id: made.data, ...body }]);
    expect(story.actor(tenant, 'x-public-key').send('POST', `/contracts/${id}/usage`, body).error).toMatch(
      /^Unauthorized/,
    );
  });

  test('service-level reports must not lie in the future', () => {
    const story = createStory();
    const path = `/providers/${story.provider}/offerings/${story.offering.id}/sli-reports`;
    const send = (reportDate: string) =>
      owner(story).send('PUT', path, {
        slaTargetPercent: 99.5,
        reports: [{ reportDate, uptimePercent: 100, incidentCount: 0 }],
      });
    expect(send('2026-01-01').data).toBe(1);
    expect(send('2026-01-02').error).toBe('Invalid reportDate: 2026-01-02');
  });
});
