import { describe, expect, test } from 'vitest';
import { createStory, type Story } from './story.ts';

const HOUR = 3_600_000;
const TENANT = 'ad'.repeat(32);
const owner = (story: Story) => story.actor(story.provider, 'x-public-key');
const tenant = (story: Story, key = TENANT) => story.actor(key, 'x-public-key');
const order = (story: Story, change: object = {}) => ({
  offering_db_id: story.offering.id,
  ssh_pubkey: 'ssh-ed25519 AAAA me',
  payment_method: 'test',
  ...change,
});
const rent = (story: Story, change: object = {}, key = TENANT) => {
  const answer = tenant(story, key).send('POST', '/contracts', order(story, change));
  return { ...answer, contract: story.core.contracts.get(answer.data?.contractId) };
};

describe('renting', () => {
  test('makes a paid, accepted contract whose clock runs from now', () => {
    const story = createStory();
    const { contract, data } = rent(story, { duration_hours: 48, operating_system: 'debian-12' });
    expect(data).toEqual({ contractId: expect.stringMatching(/^[0-9a-f]{64}$/), message: expect.any(String) });
    expect(contract).toMatchObject({
      status: 'accepted',
      paymentStatus: 'succeeded',
      startAt: story.clock.now(),
      endAt: story.clock.now() + 48 * HOUR,
      operatingSystem: 'debian-12',
    });
    expect(rent(story, {}, 'ae'.repeat(32)).contract?.durationHours).toBe(720);
  });

  test('costs its share of the month and the fee, out of the prepaid wallet, also by card', () => {
    const story = createStory();
    expect(rent(story, { payment_method: 'wallet' }).error).toBe('Insufficient wallet balance');
    story.core.admin.verifyEmail(TENANT);
    story.core.admin.credit(TENANT, 25e9);
    expect(rent(story, { payment_method: 'wallet' }).contract?.amountE9s).toBe(10e9);
    expect(rent(story, { payment_method: 'stripe', duration_hours: 360 }).contract?.amountE9s).toBe(5e9);
    expect(story.core.state.wallets.get(TENANT)).toBe(10e9);
  });

  test('from oneself is free and needs no wallet', () => {
    const story = createStory();
    expect(rent(story, { payment_method: 'wallet' }, story.provider).contract).toMatchObject({
      amountE9s: 0,
      paymentStatus: 'succeeded',
      status: 'accepted',
    });
  });

  test('twice needs a verified address', () => {
    const story = createStory();
    expect(rent(story).success).toBe(true);
    expect(rent(story).error).toMatch(/^Email verification required/);
    story.core.admin.verifyEmail(TENANT);
    expect(rent(story).success).toBe(true);
  });

  test.each([
    ['an unknown offering', { offering_db_id: 999 }, /Offering not found/],
    ['a hostile key', { ssh_pubkey: 'AAAA' }, /Invalid SSH public key/],
    ['an unknown way to pay', { payment_method: 'cash' }, /Invalid payment method/],
    ['no time at all', { duration_hours: 0 }, /Duration/],
  ])('%s is refused', (_, change, error) => {
    expect(rent(createStory(), change).error).toMatch(error);
  });

  test('a private offering is for its owner', () => {
    const story = createStory();
    story.offering.visibility = 'private';
    expect(rent(story).error).toBe('Offering not found');
    expect(rent(story, {}, story.provider).success).toBe(true);
  });

  test('a missing field is 400', () => {
    const story = createStory();
    const body = { ...order(story), ssh_pubkey: undefined };
    expect(tenant(story).send('POST', '/contracts', body).status).toBe(400);
  });
});

describe('accepting', () => {
  const settle = (story: Story, accept: boolean, id: string) =>
    owner(story).send('POST', `/provider/rental-requests/${id}/respond`, { accept, memo: 'x' });

  test('is by hand when the provider says so: listed, then accepted or rejected with refund', () => {
    const story = createStory();
    expect(owner(story).send('PUT', '/provider/settings/auto-accept', { autoAcceptRentals: false }).success).toBe(true);
    expect(owner(story).send('GET', '/provider/settings/auto-accept').data).toEqual({ autoAcceptRentals: false });
    const [yes, no] = [rent(story).contract, rent(story, {}, 'ae'.repeat(32)).contract];
    const waiting = owner(story).send('GET', '/provider/rental-requests/pending').data;
    expect(waiting.map((row: { contract_id: string }) => row.contract_id)).toEqual([yes?.id, no?.id]);
    settle(story, true, yes?.id ?? '');
    settle(story, false, no?.id ?? '');
    expect([yes?.status, no?.status, no?.paymentStatus]).toEqual(['accepted', 'rejected', 'refunded']);
    expect(settle(story, true, no?.id ?? '').error).toMatch(/^Invalid status transition/);
    expect(tenant(story).send('POST', `/provider/rental-requests/${yes?.id}/respond`, { accept: true }).error).toMatch(
      /^Unauthorized/,
    );
  });

  test('an accepted rental may still be rejected', () => {
    const story = createStory();
    const contract = rent(story).contract;
    expect(settle(story, false, contract?.id ?? '').success).toBe(true);
    expect(contract?.paymentStatus).toBe('refunded');
  });

  test('the switch needs a profile, and counts as on without one', () => {
    const story = createStory();
    story.core.state.providers.delete(story.provider);
    expect(owner(story).send('GET', '/provider/settings/auto-accept').data).toEqual({ autoAcceptRentals: true });
    expect(owner(story).send('PUT', '/provider/settings/auto-accept', { autoAcceptRentals: false }).success).toBe(
      false,
    );
    expect(rent(story).contract?.status).toBe('accepted');
  });

  test('rules for the offering admit only durations inside one of them', () => {
    const story = createStory({ settings: { requireVerifiedEmail: false } });
    const rules = '/provider/auto-accept-rules';
    const statusOf = (hours: number) => rent(story, { duration_hours: hours }).contract?.status;
    const made = owner(story).send('POST', rules, {
      offeringId: story.offering.offering_id,
      minDurationHours: 10,
      maxDurationHours: 20,
    });
    expect([statusOf(9), statusOf(10), statusOf(20), statusOf(21)]).toEqual([
      'requested',
      'accepted',
      'accepted',
      'requested',
    ]);
    owner(story).send('PUT', `${rules}/${made.data.id}`, { maxDurationHours: 5, enabled: true });
    expect([statusOf(5), statusOf(10)]).toEqual(['accepted', 'requested']);
    expect(owner(story).send('GET', rules).data).toHaveLength(1);
    expect(owner(story).send('DELETE', `${rules}/${made.data.id}`).data).toBe(true);
    expect(statusOf(10)).toBe('accepted');
    expect(owner(story).send('DELETE', `${rules}/x`).status).toBe(400);
  });
});

describe('the rest of a contract', () => {
  test('cancelling gives back everything before the machine is up, then what is left of the time', () => {
    const story = createStory();
    const early = rent(story, { duration_hours: 100 }).contract;
    expect(tenant(story).send('PUT', `/contracts/${early?.id}/cancel`, {}).success).toBe(true);
    expect(early).toMatchObject({ status: 'cancelled', refundE9s: early?.amountE9s });
    const running = rent(story, { duration_hours: 100 }, 'ae'.repeat(32)).contract;
    if (running) story.bringUp(running);
    story.clock.advance(25 * HOUR);
    tenant(story, 'ae'.repeat(32)).send('PUT', `/contracts/${running?.id}/cancel`, { memo: 'done' });
    expect(running?.refundE9s).toBe(Math.round((running?.amountE9s ?? 0) * 0.75));
    expect(tenant(story, 'ae'.repeat(32)).send('PUT', `/contracts/${running?.id}/cancel`, {}).error).toMatch(
      /^Invalid status transition: cancelled -> cancelled/,
    );
  });

  test('extending moves the end', () => {
    const story = createStory();
    const contract = rent(story).contract;
    const end = contract?.endAt ?? 0;
    const answer = tenant(story).send('POST', `/contracts/${contract?.id}/extend`, { extensionHours: 5 });
    expect(answer.data.newEndTimestampNs).toBe((end + 5 * HOUR) * 1e6);
    expect(owner(story).send('GET', `/contracts/${contract?.id}/extensions`).data).toMatchObject([
      { extensionHours: 5, previousEndTimestampNs: end * 1e6 },
    ]);
  });

  test('both parties see it, in snake_case and without lock or pause columns; nobody else does', () => {
    const story = createStory();
    const contract = rent(story).contract;
    story.agent.send('POST', `/providers/${story.provider}/contracts/${contract?.id}/lock`);
    const view = owner(story).send('GET', `/contracts/${contract?.id}`).data;
    expect(view).toEqual(tenant(story).send('GET', `/contracts/${contract?.id}`).data);
    expect(view).toMatchObject({ contract_id: contract?.id, requester_pubkey: TENANT, status: 'accepted' });
    expect(Object.keys(view).filter((name) => !/^[a-z0-9_]+$/.test(name) || /lock|pause/.test(name))).toEqual([]);
    expect(tenant(story, 'ae'.repeat(32)).send('GET', `/contracts/${contract?.id}`).error).toMatch(/^Unauthorized/);
    expect(owner(story).send('GET', `/contracts/${contract?.id}/recipe-log`).data).toBeNull();
    expect(owner(story).send('GET', `/contracts/${contract?.id}/events`).data).toMatchObject([
      { eventType: 'status_change', oldStatus: 'requested', newStatus: 'accepted', actor: 'provider' },
    ]);
  });
});

describe('offerings', () => {
  const columns = (story: Story, change: object) => {
    const { id: _id, provider: _provider, ...rest } = story.offering;
    const required = {
      is_subscription: false,
      unmetered_bandwidth: true,
      billing_interval: 'monthly',
      billing_unit: 'month',
    };
    return { ...rest, ...required, offering_id: 'second', ...change };
  };
  const create = (story: Story, change: object = {}) =>
    owner(story).send('POST', `/providers/${story.provider}/offerings`, columns(story, change));

  test('need a slug of their own, a country and an own pool', () => {
    const story = createStory();
    expect(create(story).data).toEqual(expect.any(Number));
    expect(create(story).error).toMatch(/already exists/);
    expect(create(story, { offering_id: 'x', datacenter_country: 'de' }).success).toBe(false);
    expect(create(story, { offering_id: 'x', agent_pool_id: 'nobody-1' }).success).toBe(false);
    expect(create(story, { offering_id: 'x', visibility: 'hidden' }).success).toBe(false);
  });

  test('turn a numeric template name into configuration', () => {
    const story = createStory();
    const id = create(story, { template_name: '9001' }).data;
    expect(story.core.state.offerings.get(id)?.provisioner_config).toBe('{"template_vmid":9001}');
  });

  test.each([
    ['#!/bin/sh\necho hello', true],
    ['echo no shebang', true],
    ['  \n', false],
    [`#!/bin/sh\n${'x'.repeat(65_536)}`, false],
    ['rm -rf /', false],
    ['mkfs.ext4 /dev/sdb', false],
    [':(){ :|:& };:', false],
  ])('take or refuse the recipe in row %#', (script, passes) => {
    expect(create(createStory(), { post_provision_script: script }).success).toBe(passes);
  });
});

describe('offerings out of what a pool has', () => {
  const beat = (story: Story, cpuCores: number) =>
    story.agent.send('POST', `/providers/${story.provider}/heartbeat`, {
      activeContracts: 0,
      resources: {
        cpuCores,
        cpuThreads: cpuCores,
        memoryTotalMb: 64 * 1024,
        memoryAvailableMb: 0,
        storagePools: [{ name: 'ssd', totalGb: 500, availableGb: 0, storageType: 'dir' }],
        gpuDevices: [{ pciId: '0', name: 'RTX', vendor: 'x' }],
        templates: [{ vmid: 9000, name: 'debian' }],
      },
    });
  const below = (story: Story) => `/providers/${story.provider}/pools/${story.pool.id}`;

  test('are suggested from the heartbeats of agents that are online', () => {
    const story = createStory();
    const suggest = () => owner(story).send('GET', `${below(story)}/offering-suggestions`).data;
    expect(suggest().capacity).toMatchObject({ agents: 0, cpuCores: 0 });
    beat(story, 2);
    expect(suggest()).toMatchObject({
      capacity: { agents: 1, cpuCores: 2, memoryMb: 65_536, storageGb: 500, gpus: ['RTX'], templates: ['debian'] },
      tiers: [{ fits: true }, { fits: true }, { tier: 'large', fits: false }],
    });
    story.clock.advance(300_000);
    expect(suggest().capacity).toMatchObject({ agents: 0 });
  });

  test('are made, unless it is a rehearsal, and can be rented', () => {
    const story = createStory();
    beat(story, 2);
    const pricing = { small: { monthlyPrice: 3, currency: 'EUR' }, large: { monthlyPrice: 9, currency: 'EUR' } };
    const generate = (dryRun: boolean) =>
      owner(story).send('POST', `${below(story)}/generate-offerings`, {
        tiers: ['small', 'medium', 'large'],
        pricing,
        visibility: 'public',
        dryRun,
      }).data;
    expect(generate(true).skipped).toMatchObject([{ tier: 'medium' }, { tier: 'large' }]);
    expect(story.core.state.offerings.size).toBe(1);
    const [made] = generate(false).created;
    expect(generate(false)).toMatchObject({
      created: [],
      skipped: [{ tier: 'small', reason: 'exists already' }, {}, {}],
    });
    expect(rent(story, { offering_db_id: made.id, duration_hours: 720 }).contract?.amountE9s).toBe(3e9);
    expect(story.agent.send('GET', `/providers/${story.provider}/contracts/pending-provision`).data).toMatchObject([
      { offering_id: made.offeringId, memory_amount: '2 GB', provisioner_type: 'sandbox' },
    ]);
  });
});
