import { describe, expect, test } from 'vitest';
import type { ContractStatus, PaymentStatus } from './state.ts';
import { createStory, type Story } from './story.ts';
import { STATUSES, TRANSITIONS } from './transitions.ts';

const HOUR = 3_600_000;
const report = (story: Story, id: string, status: string, instanceDetails?: string) =>
  story.agent.send('PUT', `/provider/rental-requests/${id}/provisioning`, { status, instanceDetails });

describe('the state machine, through the status report', () => {
  const rows = STATUSES.flatMap((from) => STATUSES.map((to) => [from, to] as const));
  test.each(rows.filter(([, to]) => to !== 'provisioningfailed'))('%s -> %s', (from, to) => {
    const story = createStory();
    const contract = story.rent();
    story.core.admin.setStatus(contract.id, from);
    const answer = report(story, contract.id, to, to === 'provisioned' ? '{}' : undefined);
    if (TRANSITIONS[from].includes(to)) {
      expect(answer.success).toBe(true);
      expect(contract.status).toBe(to === 'provisioned' ? 'active' : to);
    } else {
      expect(answer.error).toBe(
        `Invalid status transition: ${from} -> ${to}. Valid transitions from '${from}': [${TRANSITIONS[from].join(', ')}]`,
      );
      expect(contract.status).toBe(from);
    }
  });

  test('takes the other spellings, and names the valid ones when it knows none', () => {
    const story = createStory();
    const contract = story.rent();
    expect(report(story, contract.id, 'Canceled').success).toBe(true);
    expect(contract.status).toBe('cancelled');
    expect(report(story, contract.id, 'done').error).toMatch(
      /^Invalid contract status 'done'\. Valid statuses: requested/,
    );
  });

  test('an unknown contract, a foreign one and a bad id are told apart', () => {
    const story = createStory();
    const foreign = story.core.admin.rent({ offering: story.core.admin.offering(story.core.admin.provider()) });
    expect(report(story, 'ab'.repeat(32), 'provisioning').error).toBe('Contract not found');
    expect(report(story, 'zz', 'provisioning').error).toBe('Invalid contract id hex: zz');
    expect(report(story, foreign.id, 'provisioning').error).toBe(
      'Unauthorized: only provider can update contract status',
    );
  });
});

describe('reporting provisioned', () => {
  const begun = (story = createStory()) => {
    const contract = story.rent();
    report(story, contract.id, 'provisioning');
    return { story, contract };
  };

  test('makes the contract active, writes history, events and the time of completion', () => {
    const { story, contract } = begun();
    story.clock.advance(1000);
    const answer = report(story, contract.id, 'provisioned', '{"external_id":"vm-1"}');
    expect(answer).toMatchObject({ success: true, data: 'Contract marked as provisioned' });
    expect(contract).toMatchObject({
      status: 'active',
      details: '{"external_id":"vm-1"}',
      completedAt: story.clock.now(),
    });
    const steps = story.core.state.history.map(({ from, to, actor }) => [from, to, actor]);
    expect(steps).toEqual([
      ['requested', 'accepted', story.provider],
      ['accepted', 'provisioning', story.provider],
      ['provisioning', 'provisioned', story.provider],
      ['provisioned', 'active', story.provider],
    ]);
    const types = story.core.state.events.map(({ type, actor }) => `${type} by ${actor}`);
    expect(types).toContain('provisioned by system');
    expect(types.filter((type) => type === 'status_change by provider')).toHaveLength(4);
  });

  test('stops at provisioned without auto-accept; the provider then activates it', () => {
    const { story, contract } = begun();
    story.core.admin.provider({ key: story.provider, autoAccept: false });
    report(story, contract.id, 'provisioned', '{}');
    expect(contract.status).toBe('provisioned');
    expect(report(story, contract.id, 'active').success).toBe(true);
    expect(contract.status).toBe('active');
  });

  test.each([undefined, '', '  \n'])('needs details: %j', (details) => {
    const { story, contract } = begun();
    expect(report(story, contract.id, 'provisioned', details).error).toBe(
      'Instance details are required when marking a contract as provisioned',
    );
    expect(contract.status).toBe('provisioning');
  });

  test('in another spelling moves the status and loses the details', () => {
    const { story, contract } = begun();
    expect(report(story, contract.id, 'Provisioned', '{"external_id":"vm-1"}').success).toBe(true);
    expect(contract).toMatchObject({ status: 'active' });
    expect(contract.details).toBeUndefined();
  });

  test('is refused from accepted, and the repeat names the state that was reached', () => {
    const story = createStory();
    const contract = story.rent();
    expect(report(story, contract.id, 'provisioned', '{}').error).toMatch(/accepted -> provisioned/);
    report(story, contract.id, 'provisioning');
    report(story, contract.id, 'provisioned', '{}');
    expect(report(story, contract.id, 'provisioned', '{}').error).toMatch(/active -> provisioned/);
  });

  test('lifts the gateway columns out of the details; one bad one voids them all', () => {
    const good = {
      gateway_slug: 'abc123',
      gateway_subdomain: 'abc123.dc',
      gateway_ssh_port: 20_000,
      root_password: 'pw',
    };
    const first = begun();
    report(first.story, first.contract.id, 'provisioned', JSON.stringify(good));
    expect(first.contract.lifted).toEqual({
      gateway_slug: 'abc123',
      gateway_subdomain: 'abc123.dc',
      gateway_ssh_port: 20_000,
    });
    expect(first.contract.envelope).toBeDefined();
    const second = begun();
    report(second.story, second.contract.id, 'provisioned', JSON.stringify({ ...good, gateway_ssh_port: '20000' }));
    expect(second.contract.lifted).toEqual({});
    expect(second.contract.envelope).toBeUndefined();
    expect(second.contract.details).toContain('"root_password":"pw"');
  });

  test('a slug already in use, or a NUL, loses the details after the status has changed', () => {
    const { story, contract } = begun();
    report(story, contract.id, 'provisioned', '{"gateway_slug":"abc123"}');
    for (const details of ['{"gateway_slug":"abc123"}', 'nul \0 inside']) {
      const other = begun(story);
      expect(report(story, other.contract.id, 'provisioned', details).error).toMatch(
        /^Status updated but failed to save details: /,
      );
      expect(other.contract).toMatchObject({ status: 'provisioned' });
      expect(other.contract.details).toBeUndefined();
    }
  });
});

describe('the payment gate', () => {
  test.each<[PaymentStatus, number, boolean]>([
    ['pending', 5, false],
    ['failed', 5, false],
    ['refunded', 5, false],
    ['disputed', 5, false],
    ['succeeded', 5, true],
    ['pending', 0, true],
  ])('payment %s of %i lets a machine be reported: %s', (payment, amount, passes) => {
    const story = createStory();
    const contract = Object.assign(story.rent(), { paymentStatus: payment, amountE9s: amount });
    report(story, contract.id, 'provisioning');
    const answer = report(story, contract.id, 'provisioned', '{}');
    expect(answer.success).toBe(passes);
    if (!passes) expect(answer.error).toMatch(/cannot transition to provisioned while unpaid/);
  });
});

describe('reporting a failure', () => {
  test.each<ContractStatus>(['accepted', 'provisioning'])('closes and refunds from %s', (from) => {
    const story = createStory();
    const contract = story.rent();
    story.core.admin.setStatus(contract.id, from);
    expect(report(story, contract.id, 'provisioning_failed', 'no such image')).toMatchObject({
      success: true,
      data: 'Provisioning failed — contract closed and refund initiated',
    });
    expect(contract).toMatchObject({
      status: 'provisioningfailed',
      failureReason: 'no such image',
      paymentStatus: 'refunded',
      refundE9s: contract.amountE9s,
    });
    expect(story.core.state.wallets.get(contract.tenant)).toBe(contract.amountE9s);
    expect(story.core.state.events.at(-1)).toMatchObject({ type: 'status_change', actor: 'system' });
  });

  test.each<ContractStatus>(['active', 'cancelled', 'provisioningfailed'])(
    'does nothing from %s, in the same words',
    (from) => {
      const story = createStory();
      const contract = story.rent();
      story.core.admin.setStatus(contract.id, from);
      expect(report(story, contract.id, 'provisioningfailed').success).toBe(true);
      expect(contract).toMatchObject({ status: from, paymentStatus: 'succeeded' });
    },
  );
});

describe('termination done', () => {
  const terminated = (story: Story, id: string) =>
    story.agent.send('PUT', `/providers/${story.provider}/contracts/${id}/terminated`);

  test('may be repeated for a cancelled contract; the time is overwritten', () => {
    const story = createStory();
    const contract = story.rent();
    story.core.admin.cancel(contract.id);
    expect(terminated(story, contract.id).data).toBe(true);
    const first = contract.terminatedAt ?? 0;
    story.clock.advance(5);
    expect(terminated(story, contract.id).data).toBe(true);
    expect(contract.terminatedAt).toBe(first + 5);
  });

  test('is refused in the same words for a live contract, an expired one and none', () => {
    const story = createStory();
    const contract = story.rent();
    const words = (id: string) => `Contract not found or not in cancelled status (ID: ${id})`;
    story.bringUp(contract);
    expect(terminated(story, contract.id).error).toBe(words(contract.id));
    story.clock.advance(1000 * HOUR);
    expect(terminated(story, contract.id).error).toBe(words(contract.id));
    expect(contract.status).toBe('active');
    expect(terminated(story, 'ab'.repeat(32)).error).toBe(words('ab'.repeat(32)));
  });
});
