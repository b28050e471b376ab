import { describe, expect, test } from 'vitest';
import { createStory, type Story } from './story.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const later = (story: Story, ms: number) => {
  story.clock.advance(ms);
  story.core.tick();
};

describe('what the server ends by itself', () => {
  test.each(['accepted', 'provisioning'] as const)(
    '%s fails and is refunded after an hour, at the next sweep',
    (status) => {
      const story = createStory();
      const contract = story.rent();
      story.core.admin.setStatus(contract.id, status);
      later(story, HOUR + 5 * MINUTE - 1);
      expect(contract.status).toBe(status);
      later(story, 1);
      expect(contract).toMatchObject({
        status: 'provisioningfailed',
        paymentStatus: 'refunded',
        refundE9s: contract.amountE9s,
        statusUpdatedAt: story.clock.now(),
      });
    },
  );

  test('the report of provisioning starts the hour anew', () => {
    const story = createStory();
    const contract = story.rent();
    later(story, 50 * MINUTE);
    const path = `/provider/rental-requests/${contract.id}/provisioning`;
    story.agent.send('PUT', path, { status: 'provisioning' });
    later(story, 60 * MINUTE);
    expect(contract.status).toBe('provisioning');
    later(story, 5 * MINUTE);
    expect(contract.status).toBe('provisioningfailed');
  });

  test.each(['requested', 'pending'] as const)('%s expires after an hour and keeps the money', (status) => {
    const story = createStory();
    story.core.admin.provider({ key: story.provider, autoAccept: false });
    const contract = story.rent();
    story.core.admin.setStatus(contract.id, status);
    later(story, HOUR + 5 * MINUTE);
    expect(contract).toMatchObject({ status: 'expired', paymentStatus: 'succeeded' });
    expect(story.core.state.wallets.get(contract.tenant)).toBeUndefined();
  });

  test('a machine that runs past its end stays active', () => {
    const story = createStory();
    const contract = story.core.admin.rent({ offering: story.offering, hours: 1 });
    story.bringUp(contract);
    later(story, 100 * DAY);
    expect(contract.status).toBe('active');
  });

  test('sweeps that are caught up late leave the rows that timers would have left', () => {
    const [steps, once] = [createStory(), createStory()];
    for (const story of [steps, once]) story.rent();
    for (let i = 0; i < 60; i++) later(steps, 2 * MINUTE);
    later(once, 120 * MINUTE);
    expect(once.core.backup()).toEqual(steps.core.backup());
  });
});

describe('the daily clean-up', () => {
  test('forgets what was cancelled, rejected or expired 180 days ago, and never a failed one', () => {
    const story = createStory();
    const contracts = (['cancelled', 'rejected', 'expired', 'provisioningfailed', 'active'] as const).map((status) => {
      const contract = story.rent();
      story.core.admin.setStatus(contract.id, status);
      return contract;
    });
    later(story, 180 * DAY);
    expect(story.core.contracts.size).toBe(5);
    later(story, DAY);
    expect([...story.core.contracts.values()].map(({ status }) => status)).toEqual(['provisioningfailed', 'active']);
    const runningInstances = [{ externalId: 'vm', contractId: contracts[0]?.id }];
    const { data } = story.agent.send('POST', `/providers/${story.provider}/reconcile`, { runningInstances });
    expect(data.unknown).toMatchObject([{ message: `No contract found with ID: ${contracts[0]?.id}` }]);
  });

  test('drops expired locks and tokens, and the flag of agents that went silent', () => {
    const story = createStory();
    const { id } = story.rent();
    story.agent.send('POST', `/providers/${story.provider}/heartbeat`, { activeContracts: 0 });
    story.agent.send('POST', `/providers/${story.provider}/contracts/${id}/lock`);
    story.core.admin.token(story.pool, { expiresInHours: 1 });
    const rows = () => [
      story.core.locks.size,
      story.core.state.tokens.size,
      story.core.state.beats.get(story.agent.key)?.online,
    ];
    later(story, DAY - 1);
    expect(rows()).toEqual([1, 2, true]);
    later(story, 1);
    expect(rows()).toEqual([0, 1, false]);
  });
});

describe('a server that comes back from a backup', () => {
  test('has forgotten what came later, and knows again what was lost', () => {
    const story = createStory();
    const [kept, lost] = [story.rent(), story.rent()];
    const backup = story.core.backup();
    story.bringUp(kept);
    story.core.admin.forget(lost.id);
    const late = story.rent();
    story.core.restore(backup);
    expect([...story.core.contracts.keys()]).toEqual([kept.id, lost.id]);
    expect(story.core.contracts.get(kept.id)?.status).toBe('accepted');
    const { data } = story.agent.send('POST', `/providers/${story.provider}/reconcile`, {
      runningInstances: [{ externalId: 'vm', contractId: late.id }],
    });
    expect(data.unknown).toHaveLength(1);
  });

  test('can be restored twice: the copy is deep both ways', () => {
    const story = createStory();
    const contract = story.rent();
    const backup = story.core.backup();
    const before = structuredClone(backup);
    story.bringUp(contract);
    expect(backup).toEqual(before);
    story.core.restore(backup);
    const again = story.core.contracts.get(contract.id);
    if (again) story.bringUp(again);
    expect(backup).toEqual(before);
    story.core.restore(backup);
    expect(story.core.contracts.get(contract.id)?.status).toBe('accepted');
  });

  test('runs its timers at once, for nothing ran while it was down', () => {
    const story = createStory();
    const contract = story.rent();
    const backup = story.core.backup();
    story.clock.advance(10 * HOUR);
    story.core.restore(backup);
    expect(story.core.contracts.get(contract.id)?.status).toBe('accepted');
    story.core.tick();
    expect(story.core.contracts.get(contract.id)).toMatchObject({
      status: 'provisioningfailed',
      statusUpdatedAt: story.clock.now(),
    });
  });

  test('counts requests afresh', () => {
    const story = createStory({ settings: { rateLimits: true } });
    const beat = () =>
      story.agent.send('POST', `/providers/${story.provider}/heartbeat`, { activeContracts: 0 }).status;
    const first = Array.from({ length: 61 }, beat);
    expect(first.at(-1)).toBe(429);
    story.core.restore(story.core.backup());
    expect(beat()).toBe(200);
  });
});

test('the same seed and the same requests give the same rows, to the last id', () => {
  const play = () => {
    const story = createStory();
    const contract = story.rent();
    story.bringUp(contract, { external_id: 'vm', root_password: 'pw' });
    story.core.admin.resetPassword(contract.id);
    later(story, 3 * DAY);
    return story.core.backup();
  };
  expect(play()).toEqual(play());
});
