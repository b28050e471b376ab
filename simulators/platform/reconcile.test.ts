import { describe, expect, test } from 'vitest';
import type { ContractStatus } from './state.ts';
import { createStory, type Story } from './story.ts';

const reconcile = (story: Story, ...runningInstances: object[]) =>
  story.agent.send('POST', `/providers/${story.provider}/reconcile`, { runningInstances });
const EMPTY = { keep: [], terminate: [], unknown: [], pause: [] };

/** The bucket that one instance of one contract lands in. */
function bucketOf(story: Story, contractId: string | null): object {
  return reconcile(story, { externalId: 'vm-1', contractId }).data;
}

describe('reconcile', () => {
  test('answers an empty list with four empty buckets', () => {
    expect(reconcile(createStory()).data).toEqual(EMPTY);
  });

  const KEPT: ContractStatus[] = ['requested', 'pending', 'accepted', 'provisioning', 'provisioned', 'active'];
  test.each([...KEPT, 'rejected', 'expired', 'provisioningfailed'] as const)('keeps %s before its end', (status) => {
    const story = createStory();
    const contract = story.rent();
    story.core.admin.setStatus(contract.id, status);
    const endsAt = contract.endAt * 1e6;
    expect(bucketOf(story, contract.id)).toEqual({
      ...EMPTY,
      keep: [{ externalId: 'vm-1', contractId: contract.id, endsAt }],
    });
  });

  test.each([...KEPT, 'paused', 'rejected', 'expired', 'provisioningfailed'] as const)(
    'ends %s after its end',
    (status) => {
      const story = createStory();
      const contract = story.rent();
      story.core.admin.setStatus(contract.id, status);
      story.core.admin.expire(contract.id);
      const verdict = { externalId: 'vm-1', contractId: contract.id, reason: 'expired' };
      expect(bucketOf(story, contract.id)).toEqual({ ...EMPTY, terminate: [verdict] });
    },
  );

  test('the end itself still counts, and no end (0) keeps for ever', () => {
    const story = createStory();
    const contract = story.rent();
    story.core.admin.setEnd(contract.id, story.clock.now());
    expect(bucketOf(story, contract.id)).toMatchObject({ keep: [{ endsAt: story.clock.now() * 1e6 }] });
    story.core.admin.setEnd(contract.id, 0);
    story.clock.advance(1e11);
    expect(bucketOf(story, contract.id)).toMatchObject({ keep: [{ endsAt: 0 }] });
  });

  test('says cancelled for a cancelled contract, also after its end', () => {
    const story = createStory();
    const contract = story.rent();
    story.core.admin.cancel(contract.id);
    story.core.admin.expire(contract.id);
    expect(bucketOf(story, contract.id)).toMatchObject({ terminate: [{ reason: 'cancelled' }] });
  });

  test('says pause while a dispute is open, with its reason, and keep once it is won', () => {
    const story = createStory();
    const contract = story.rent();
    story.bringUp(contract);
    story.core.admin.pause(contract.id, 'stripe_dispute:dp_1');
    const verdict = { externalId: 'vm-1', contractId: contract.id, reason: 'stripe_dispute:dp_1' };
    expect(bucketOf(story, contract.id)).toEqual({ ...EMPTY, pause: [verdict] });
    const end = contract.endAt;
    story.clock.advance(1000);
    story.core.admin.resume(contract.id);
    expect(contract).toMatchObject({ status: 'active', endAt: end, totalPausedMs: 1000 });
    expect(bucketOf(story, contract.id)).toMatchObject({ keep: [{ externalId: 'vm-1' }] });
    story.core.admin.pause(contract.id);
    story.core.admin.loseDispute(contract.id);
    expect(contract.paymentStatus).toBe('disputed');
    expect(bucketOf(story, contract.id)).toMatchObject({ terminate: [{ reason: 'cancelled' }] });
  });

  test('a pause by report has no stored reason', () => {
    const story = createStory();
    const contract = story.rent();
    story.bringUp(contract);
    story.agent.send('PUT', `/provider/rental-requests/${contract.id}/provisioning`, { status: 'paused' });
    expect(bucketOf(story, contract.id)).toMatchObject({ pause: [{ reason: 'paused' }] });
  });

  test('does not know what it cannot place', () => {
    const story = createStory();
    const foreign = story.core.admin.rent({ offering: story.core.admin.offering(story.core.admin.provider()) });
    const gone = story.rent();
    story.core.admin.forget(gone.id);
    const rows: [string | null, string][] = [
      [null, 'No contract ID associated with this instance'],
      ['dc-01', 'Invalid contract id hex: dc-01'],
      [gone.id, `No contract found with ID: ${gone.id}`],
      [foreign.id, 'Contract belongs to different provider'],
    ];
    for (const [id, message] of rows) {
      expect(bucketOf(story, id)).toEqual({ ...EMPTY, unknown: [{ externalId: 'vm-1', message }] });
    }
  });

  test('puts every instance into one bucket, changes nothing, and does not ask for the pool', () => {
    const story = createStory();
    const elsewhere = story.agentIn(story.core.admin.pool(story.provider, { location: 'na' }));
    const [one, two] = [story.rent(), story.rent()];
    story.core.admin.cancel(two.id);
    const before = story.core.backup();
    const runningInstances = [
      { externalId: 'a', contractId: one.id.toUpperCase() },
      { externalId: 'b', contractId: two.id },
      { externalId: 'c' },
    ];
    const { data } = elsewhere.send('POST', `/providers/${story.provider}/reconcile`, { runningInstances });
    expect(data).toMatchObject({
      keep: [{ externalId: 'a', contractId: one.id }],
      terminate: [{ externalId: 'b' }],
      unknown: [{ externalId: 'c' }],
      pause: [],
    });
    expect(story.core.backup()).toEqual(before);
  });

  test('needs no permission but the list itself', () => {
    const story = createStory();
    story.core.admin.setPermissions(story.agent.key, []);
    expect(reconcile(story).success).toBe(true);
    expect(story.agent.send('POST', `/providers/${story.provider}/reconcile`, {})).toMatchObject({ status: 400 });
    const nameless = { runningInstances: [{ contractId: null }] };
    expect(story.agent.send('POST', `/providers/${story.provider}/reconcile`, nameless).status).toBe(400);
  });
});
