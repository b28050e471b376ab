import { describe, expect, test } from 'vitest';
import type { CoreOptions } from './core.ts';
import { type Quirks, REAL_SERVER } from './options.ts';
import { createStory, type Story } from './story.ts';

/** What each behaviour looks like from outside: as the server has it (first), and repaired (second). */
const CASES: Record<
  keyof Quirks,
  { readonly observe: (story: Story) => unknown; readonly real: unknown; readonly repaired: unknown }
> = {
  passwordResetListFails: {
    observe(story) {
      const contract = story.rent();
      story.bringUp(contract);
      story.core.admin.resetPassword(contract.id);
      const list = story.agent.send('GET', `/providers/${story.provider}/contracts/pending-password-reset`);
      return list.success && list.data[0].contract_id === contract.id;
    },
    real: false,
    repaired: true,
  },
  snakeCaseLists: {
    observe(story) {
      const contract = story.rent();
      story.rent();
      story.bringUp(contract);
      story.core.admin.rotateKey(contract.id, 'ssh-ed25519 AAAA');
      const keysOf = (list: string) =>
        Object.keys(story.agent.send('GET', `/providers/${story.provider}/contracts/${list}`).data[0]).slice(0, 2);
      return [keysOf('pending-ssh-key-rotation'), keysOf('pending-provision')];
    },
    real: [
      ['contract_id', 'requester_ssh_pubkey'],
      ['contract_id', 'offering_id'],
    ],
    repaired: [
      ['contractId', 'requesterSshPubkey'],
      ['contractId', 'offeringId'],
    ],
  },
  ownLockHidesWork: {
    observe(story) {
      const other = story.agentIn(story.pool);
      const { id } = story.rent();
      story.agent.send('POST', `/providers/${story.provider}/contracts/${id}/lock`);
      const path = `/providers/${story.provider}/contracts/pending-provision`;
      return [story.agent.send('GET', path).data.length, other.send('GET', path).data.length];
    },
    real: [0, 0],
    repaired: [1, 0],
  },
  reconcileKeepsDead: {
    observe(story) {
      const { id } = story.rent();
      story.core.admin.setStatus(id, 'provisioningfailed');
      const runningInstances = [{ externalId: 'vm', contractId: id }];
      const { data } = story.agent.send('POST', `/providers/${story.provider}/reconcile`, { runningInstances });
      return [data.keep.length, data.terminate.map(({ reason }: { reason: string }) => reason)];
    },
    real: [1, []],
    repaired: [0, ['provisioningfailed']],
  },
  anyoneMayFail: {
    observe(story) {
      const contract = story.rent();
      const stranger = story.actor('ef'.repeat(32), 'x-public-key');
      stranger.send('PUT', `/provider/rental-requests/${contract.id}/provisioning`, { status: 'provisioning_failed' });
      return contract.status;
    },
    real: 'provisioningfailed',
    repaired: 'accepted',
  },
  foreignContractsOpen: {
    observe(story) {
      const foreign = story.core.admin.rent({ offering: story.core.admin.offering(story.core.admin.provider()) });
      const below = `/providers/${story.provider}/contracts/${foreign.id}`;
      const locked = story.agent.send('POST', `${below}/lock`).success;
      story.core.admin.cancel(foreign.id);
      return [locked, story.agent.send('PUT', `${below}/terminated`).success];
    },
    real: [true, true],
    repaired: [false, false],
  },
  keepsClearPassword: {
    observe(story) {
      const contract = story.rent();
      story.bringUp(contract, { external_id: 'vm', root_password: 'clear' });
      return [contract.details, contract.envelope !== undefined];
    },
    real: ['{"external_id":"vm","root_password":"clear"}', true],
    repaired: ['{"external_id":"vm"}', true],
  },
  neverExpires: {
    observe(story) {
      const contract = story.rent();
      story.bringUp(contract);
      story.core.admin.expire(contract.id);
      story.clock.advance(300_000);
      story.core.tick();
      return contract.status;
    },
    real: 'active',
    repaired: 'expired',
  },
  terminatedOnlyCancelled: {
    observe(story) {
      const contract = story.rent();
      story.bringUp(contract);
      const report = () =>
        story.agent.send('PUT', `/providers/${story.provider}/contracts/${contract.id}/terminated`).success;
      const alive = report();
      story.core.admin.expire(contract.id);
      return [alive, report()];
    },
    real: [false, false],
    repaired: [false, true],
  },
  oldHealthPathMissing: {
    observe(story) {
      const { id } = story.rent();
      const body = { checkedAt: 1, status: 'healthy' };
      return [
        story.agent.send('POST', `/provider/contracts/${id}/health`, body).status,
        story.agent.send('POST', `/contracts/${id}/health`, body).status,
      ];
    },
    real: [404, 200],
    repaired: [200, 200],
  },
  expiryKeepsMoney: {
    observe(story) {
      const contract = story.rent();
      story.core.admin.setStatus(contract.id, 'requested');
      story.clock.advance(2 * 3_600_000);
      story.core.tick();
      return [contract.status, contract.paymentStatus];
    },
    real: ['expired', 'succeeded'],
    repaired: ['expired', 'refunded'],
  },
};

const names = Object.keys(CASES) as (keyof Quirks)[];
const observe = (name: keyof Quirks, quirks: CoreOptions['quirks'] = {}) =>
  CASES[name].observe(createStory({ quirks }));

describe('each known fault of the server is a switch', () => {
  test('and all of them are on unless told', () => {
    expect(new Set(Object.keys(REAL_SERVER))).toEqual(new Set(names));
    expect(Object.values(REAL_SERVER).every((value) => value)).toBe(true);
  });

  test.each(names)('%s shows as the server has it, and repaired', (name) => {
    expect(observe(name)).toEqual(CASES[name].real);
    expect(observe(name, { [name]: false })).toEqual(CASES[name].repaired);
  });

  test.each(names)('%s changes nothing that another switch is about', (name) => {
    for (const other of names.filter((candidate) => candidate !== name)) {
      expect([other, observe(other, { [name]: false })]).toEqual([other, CASES[other].real]);
    }
  });

  test('that can be turned while the server runs', () => {
    const story = createStory();
    story.core.quirks.anyoneMayFail = false;
    expect(CASES.anyoneMayFail.observe(story)).toBe('accepted');
  });
});
