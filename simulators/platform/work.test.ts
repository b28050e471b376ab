import { describe, expect, test } from 'vitest';
import type { ContractStatus } from './state.ts';
import { type Actor, createStory, type Story } from './story.ts';
import { STATUSES } from './transitions.ts';

const listed = (story: Story, agent: Actor = story.agent): string[] =>
  agent
    .send('GET', `/providers/${story.provider}/contracts/pending-provision`)
    .data.map((item: { contract_id: string }) => item.contract_id);
const lock = (story: Story, id: string, agent: Actor = story.agent) =>
  agent.send('POST', `/providers/${story.provider}/contracts/${id}/lock`);
const unlock = (story: Story, id: string, agent: Actor = story.agent) =>
  agent.send('DELETE', `/providers/${story.provider}/contracts/${id}/lock`);

describe('the work list', () => {
  test.each(STATUSES)('a paid contract in status %s', (status: ContractStatus) => {
    const story = createStory();
    const contract = story.rent();
    story.core.admin.setStatus(contract.id, status);
    expect(listed(story)).toEqual(status === 'accepted' || status === 'provisioning' ? [contract.id] : []);
  });

  test('holds paid contracts only, the oldest first', () => {
    const story = createStory();
    const contracts = [story.rent(), story.rent(), story.rent()];
    expect(listed(story)).toEqual(contracts.map(({ id }) => id));
    story.core.admin.setPayment(contracts[1]?.id ?? '', 'pending');
    expect(listed(story)).toEqual([contracts[0]?.id, contracts[2]?.id]);
  });

  test('spells its keys in snake_case, leaves out what is null, and shows the offering as it is now', () => {
    const story = createStory();
    const provider = story.actor(story.provider, 'x-public-key');
    const contract = story.core.admin.rent({
      offering: story.offering,
      sshKey: 'ssh-ed25519 AAAA\nme',
      instanceConfig: '{"a":1}',
    });
    const item = () => story.agent.send('GET', `/providers/${story.provider}/contracts/pending-provision`).data[0];
    expect(item()).toEqual({
      contract_id: contract.id,
      offering_id: story.offering.offering_id,
      requester_ssh_pubkey: 'ssh-ed25519 AAAA\nme',
      instance_config: '{"a":1}',
      cpu_cores: 1,
      memory_amount: '512 MB',
      storage_capacity: '5 GB',
    });
    const { id, ...columns } = story.offering;
    const changed = { ...columns, ...REST_OF_OFFERING, memory_amount: '2 GB', post_provision_script: '#!/bin/sh\n' };
    expect(provider.send('PUT', `/providers/${story.provider}/offerings/${id}`, changed).success).toBe(true);
    expect(item()).toMatchObject({ memory_amount: '2 GB', post_provision_script: '#!/bin/sh\n' });
  });

  test('goes by explicit pool first, then by the region of the country; the provisioner type plays no part', () => {
    const story = createStory();
    const { admin } = story.core;
    const america = admin.pool(story.provider, { location: 'na', provisionerType: 'docker' });
    const secondEurope = admin.pool(story.provider, { provisionerType: 'proxmox' });
    const [inAmerica, inSecond] = [story.agentIn(america), story.agentIn(secondEurope)];
    const rent = (columns: object) => admin.rent({ offering: admin.offering(story.provider, columns) }).id;
    const german = rent({ provisioner_type: 'hetzner' });
    const pinned = rent({ agent_pool_id: america.id });
    const canadian = rent({ datacenter_country: 'CA' });
    const nowhere = rent({ datacenter_country: 'ZA' });
    expect(listed(story)).toEqual([german]);
    expect(listed(story, inSecond)).toEqual([german]);
    expect(listed(story, inAmerica)).toEqual([pinned, canadian]);
    expect(story.core.contracts.get(nowhere)?.status).toBe('accepted');
  });

  test('loses a contract whose offering was deleted', () => {
    const story = createStory();
    story.rent();
    const provider = story.actor(story.provider, 'x-public-key');
    expect(provider.send('DELETE', `/providers/${story.provider}/offerings/${story.offering.id}`).data).toBe(true);
    expect(listed(story)).toEqual([]);
  });

  test('is refused to another provider and to an agent without a pool, at HTTP 200', () => {
    const story = createStory();
    const other = story.core.admin.provider();
    expect(story.agent.send('GET', `/providers/${other}/contracts/pending-provision`)).toMatchObject({
      status: 200,
      success: false,
      error: expect.stringMatching(/^Unauthorized: /),
    });
    const row = story.core.agents.get(story.agent.key);
    if (row) row.poolId = undefined;
    expect(story.agent.send('GET', `/providers/${story.provider}/contracts/pending-provision`).error).toBe(
      'Agent must belong to a pool. Re-register using a setup token.',
    );
    if (row) row.poolId = 'gone-1';
    expect(story.agent.send('GET', `/providers/${story.provider}/contracts/pending-provision`).error).toBe(
      'Pool gone-1 not found',
    );
  });

  test.each([
    ['abc', 'Invalid pubkey hex: abc'],
    ['abcd', 'Public key must be 32 bytes, got 2 bytes (value: abcd)'],
  ])('says what is wrong with the provider key %s in the path', (key, error) => {
    const story = createStory();
    expect(story.agent.send('GET', `/providers/${key}/contracts/pending-provision`)).toMatchObject({
      status: 200,
      error,
    });
  });

  test('takes the provider key in upper case', () => {
    const story = createStory();
    const path = `/providers/${story.provider.toUpperCase()}/contracts/pending-provision`;
    expect(story.agent.send('GET', path).data).toEqual([]);
  });
});

const REST_OF_OFFERING = {
  is_subscription: false,
  unmetered_bandwidth: true,
  billing_interval: 'monthly',
  billing_unit: 'month',
};

describe('the lock', () => {
  const TTL = 300_000;

  test('is taken by one, renewed by its holder, refused to others until it ends', () => {
    const story = createStory();
    const other = story.agentIn(story.pool);
    const { id } = story.rent();
    const end = (story.clock.now() + TTL) * 1e6;
    expect(lock(story, id)).toMatchObject({
      success: true,
      data: { acquired: true, expiresAtNs: end },
      error: undefined,
    });
    expect(lock(story, id, other)).toMatchObject({
      success: true,
      data: { acquired: false },
      error: 'Contract already locked by another agent',
    });
    story.clock.advance(TTL - 1);
    expect(lock(story, id, other).data.acquired).toBe(false);
    expect(lock(story, id).data).toEqual({ acquired: true, expiresAtNs: (story.clock.now() + TTL) * 1e6 });
    story.clock.advance(TTL);
    expect(lock(story, id, other).data.acquired).toBe(true);
    expect(lock(story, id).data.acquired).toBe(false);
  });

  test('hides the contract from everyone, its holder included, until it ends or is released', () => {
    const story = createStory();
    const other = story.agentIn(story.pool);
    const { id } = story.rent();
    lock(story, id);
    expect([listed(story), listed(story, other)]).toEqual([[], []]);
    story.clock.advance(TTL);
    expect([listed(story), listed(story, other)]).toEqual([[id], [id]]);
    lock(story, id);
    expect(unlock(story, id)).toMatchObject({ success: true, data: true });
    expect(listed(story)).toEqual([id]);
  });

  test('is released by its holder only, again without harm, and in any status', () => {
    const story = createStory();
    const other = story.agentIn(story.pool);
    const { id } = story.rent();
    lock(story, id);
    const notHeld = { success: true, data: false, error: 'Lock not held by this agent' };
    expect(unlock(story, id, other)).toMatchObject(notHeld);
    story.core.admin.cancel(id);
    expect(unlock(story, id)).toMatchObject({ success: true, data: true });
    expect(unlock(story, id)).toMatchObject(notHeld);
    expect(unlock(story, 'ab'.repeat(32))).toMatchObject(notHeld);
  });

  test('serves as a status probe', () => {
    const story = createStory();
    const contract = story.rent();
    expect(lock(story, 'ab'.repeat(32)).error).toBe(`Contract not found: ${'ab'.repeat(32)}`);
    for (const status of STATUSES.filter((name) => name !== 'accepted' && name !== 'provisioning')) {
      story.core.admin.setStatus(contract.id, status);
      expect(lock(story, contract.id)).toMatchObject({
        success: false,
        error: `Contract ${contract.id} is not in lockable status (status: ${status})`,
      });
    }
    story.core.admin.setStatus(contract.id, 'accepted');
    story.core.admin.setPayment(contract.id, 'pending');
    expect(lock(story, contract.id).error).toBe(`Contract ${contract.id} payment not succeeded (status: pending)`);
    expect(story.core.locks.size).toBe(0);
  });

  test('is advice: reports neither need nor clear it', () => {
    const story = createStory();
    const other = story.agentIn(story.pool);
    const contract = story.rent();
    lock(story, contract.id, other);
    story.bringUp(contract);
    expect(contract.status).toBe('active');
    expect(story.core.locks.get(contract.id)?.agent).toBe(other.key);
  });

  test('needs the permission to provision, releasing does not', () => {
    const story = createStory();
    const { id } = story.rent();
    story.core.admin.setPermissions(story.agent.key, ['heartbeat']);
    expect(lock(story, id)).toMatchObject({ status: 200, error: "Agent does not have 'provision' permission" });
    expect(unlock(story, id).success).toBe(true);
    expect(listed(story)).toEqual([id]);
  });
});
