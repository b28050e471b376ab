import { describe, expect, test } from 'vitest';
import { openCredentials } from './credentials.ts';
import { cheapSigning, signRequest } from './sign.ts';
import { createStory, type Story, seededRandom } from './story.ts';
import { cheapCrypto, realCrypto } from './verify.ts';

const DAY = 86_400_000;
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== new';

function running(story: Story = createStory(), details?: object) {
  const contract = story.rent();
  story.bringUp(contract, details);
  const tenant = story.actor(contract.tenant, 'x-public-key');
  return { story, contract, tenant };
}

describe('password reset', () => {
  const list = (story: Story) =>
    story.agent.send('GET', `/providers/${story.provider}/contracts/pending-password-reset`);
  const complete = (story: Story, id: string, newPassword = 'secret') =>
    story.agent.send('PUT', `/provider/rental-requests/${id}/password`, { newPassword });

  test('lists nothing while none is asked for, and fails as soon as one is', () => {
    const { story, contract, tenant } = running();
    expect(list(story).data).toEqual([]);
    expect(tenant.send('POST', `/contracts/${contract.id}/reset-password`).success).toBe(true);
    expect(list(story)).toMatchObject({ status: 200, success: false, error: expect.stringContaining('contract_id') });
    const provider = story.actor(story.provider, 'x-public-key');
    expect(provider.send('GET', `/providers/${story.provider}/contracts`).data[0]).toMatchObject({
      contract_id: contract.id,
      password_reset_requested_at_ns: story.clock.now() * 1e6,
    });
  });

  test('is completed with a new password, as often as one likes, by agent or provider', () => {
    const { story, contract, tenant } = running();
    story.core.admin.resetPassword(contract.id);
    const read = () => JSON.parse(tenant.send('GET', `/contracts/${contract.id}/credentials`).data).password;
    expect(complete(story, contract.id, 'first').success).toBe(true);
    expect([contract.resetRequestedAt, read()]).toEqual([undefined, 'first']);
    expect(list(story).data).toEqual([]);
    expect(complete(story, contract.id, 'second').success).toBe(true);
    expect(read()).toBe('second');
    const provider = story.actor(story.provider, 'x-public-key');
    const path = `/provider/rental-requests/${contract.id}/password`;
    expect(provider.send('PUT', path, { newPassword: 'third' }).success).toBe(true);
    expect(read()).toBe('third');
  });

  test('needs a machine that was reported, by this provider', () => {
    const story = createStory();
    const contract = story.rent();
    const foreign = story.core.admin.rent({ offering: story.core.admin.offering(story.core.admin.provider()) });
    expect(complete(story, contract.id).error).toBe(`No provisioning details found for contract ${contract.id}`);
    expect(complete(story, foreign.id).error).toBe('Unauthorized: you are not the provider for this contract');
    expect(complete(story, 'ab'.repeat(32)).error).toBe('Contract not found');
  });

  test('can be asked for only while the machine is up, and only by the tenant', () => {
    const { story, contract, tenant } = running();
    const path = `/contracts/${contract.id}/reset-password`;
    expect(story.actor('cd'.repeat(32), 'x-public-key').send('POST', path).error).toMatch(/^Unauthorized/);
    story.core.admin.pause(contract.id);
    expect(tenant.send('POST', path).success).toBe(false);
    expect(contract.resetRequestedAt).toBeUndefined();
  });

  test('is announced by an event stream that ends when a reset exists', () => {
    const { story, contract } = running();
    const path = `/providers/${story.provider}/password-reset-events`;
    const open = story.agent.outcome('GET', path).response;
    expect(open.headers['content-type']).toBe('text/event-stream');
    expect(open.body).toBe('event: password-reset-count\ndata: {"count":0,"contract_ids":[]}\n\n');
    story.core.admin.resetPassword(contract.id);
    expect(story.core.resetEvent(story.provider)).toBeUndefined();
    story.core.quirks.passwordResetListFails = false;
    expect(story.core.resetEvent(story.provider)).toContain(`{"count":1,"contract_ids":["${contract.id}"]}`);
  });
});

describe('the event stream', () => {
  test('takes its credentials from the query, answers every wrong one with 401 and a foreign path with 403', () => {
    const story = createStory();
    const path = `/api/v1/providers/${story.provider}/password-reset-events`;
    const identity = { seed: story.agent.key, header: 'x-agent-pubkey', clock: story.clock } as const;
    const signed = signRequest({ ...identity, random: seededRandom(3), signing: cheapSigning }, 'GET', path);
    const ask = (change: Record<string, string>, target = path) => {
      const query = new URLSearchParams({
        agent_pubkey: story.agent.key,
        timestamp: signed['x-timestamp'] ?? '',
        nonce: signed['x-nonce'] ?? '',
        signature: signed['x-signature'] ?? '',
        ...change,
      });
      return story.core.handle({ method: 'GET', path: `${target}?${query.toString()}`, headers: {}, body: '' }).response
        .status;
    };
    expect(ask({})).toBe(200);
    for (const bad of [{ agent_pubkey: 'zz' }, { timestamp: 'x' }, { nonce: 'x' }, { signature: 'ab' }]) {
      expect(ask(bad)).toBe(401);
    }
    const foreign = `/providers/${story.core.admin.provider()}/password-reset-events`;
    expect(story.agent.send('GET', foreign).status).toBe(403);
  });
});

describe('key rotation', () => {
  const list = (story: Story) =>
    story.agent.send('GET', `/providers/${story.provider}/contracts/pending-ssh-key-rotation`);
  const complete = (story: Story, id: string) =>
    story.agent.send('PUT', `/provider/rental-requests/${id}/ssh-key-rotation`);

  test('lists the new keys in snake_case, the oldest request first', () => {
    const { story, contract: first } = running();
    const { contract: second } = running(story, { external_id: 'vm-2' });
    story.core.admin.rotateKey(second.id, KEY);
    story.clock.advance(1);
    story.core.admin.rotateKey(first.id, KEY);
    expect(list(story).data).toEqual([
      { contract_id: second.id, requester_ssh_pubkey: KEY },
      { contract_id: first.id, requester_ssh_pubkey: KEY },
    ]);
  });

  test('promotes the key that is pending at that moment, once', () => {
    const { story, contract, tenant } = running();
    const stage = (key: string) =>
      tenant.send('POST', `/contracts/${contract.id}/rotate-ssh-key`, { newSshPubkey: key });
    stage(KEY);
    list(story);
    stage(`${KEY}er`);
    expect(complete(story, contract.id).success).toBe(true);
    expect(contract.sshKey).toBe(`${KEY}er`);
    expect(complete(story, contract.id).error).toBe('No pending SSH key rotation found');
    expect(list(story).data).toEqual([]);
    const types = story.core.state.events.map(({ type, actor }) => `${type} by ${actor}`);
    expect(types.slice(-3)).toEqual([
      'ssh_key_rotation by tenant',
      'ssh_key_rotation by tenant',
      'ssh_key_rotation_complete by provider',
    ]);
  });

  test.each([
    ['ssh-ed25519 AAAA', true],
    ['ssh-rsa AAAA comment with $(words)', true],
    ['ssh-ed25519 AAAA\nsecond line', true],
    ['ecdsa-sha2-nistp256 AAAA', false],
    ['sk-ssh-ed25519@openssh.com AAAA', false],
    ['ssh-ed25519', false],
  ])('the filter on %j lets it through: %s', (newSshPubkey, passes) => {
    const { contract, tenant } = running();
    expect(tenant.send('POST', `/contracts/${contract.id}/rotate-ssh-key`, { newSshPubkey }).success).toBe(passes);
  });
});

describe('credentials', () => {
  test('are sealed for the tenant, readable by nobody else, and gone after seven days', () => {
    const random = seededRandom(4);
    const seed = Buffer.from(random.bytes(32));
    const story = createStory({ crypto: { ...cheapCrypto, seal: realCrypto.seal } });
    const tenantKey = realCrypto.publicKeyOf(seed.toString('hex'));
    const contract = story.core.admin.rent({ offering: story.offering, tenant: tenantKey });
    story.bringUp(contract, { external_id: 'vm-1', root_password: 'hunter2' });
    const tenant = story.actor(tenantKey, 'x-public-key');
    const path = `/contracts/${contract.id}/credentials`;
    const envelope = tenant.send('GET', path).data;
    expect(openCredentials(envelope, seed, contract.id)).toBe('hunter2');
    expect(Object.keys(JSON.parse(envelope))).toEqual(['version', 'ephemeral_pubkey', 'nonce', 'ciphertext', 'aad']);
    expect(story.actor(story.provider, 'x-public-key').send('GET', path).error).toMatch(/^Unauthorized/);
    story.clock.advance(7 * DAY - 1);
    expect(tenant.send('GET', path).success).toBe(true);
    story.clock.advance(1);
    expect(tenant.send('GET', path).error).toBe('No credentials available (expired or not set)');
    story.clock.advance(DAY);
    story.core.tick();
    expect(contract.envelope).toBeUndefined();
  });
});
