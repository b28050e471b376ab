import { afterEach, describe, expect, test } from 'vitest';
import { createSigner } from '../../src/identity/sign.ts';
import { createUnlimitedBudget } from '../../src/platform/budget.ts';
import { createPlatformClient } from '../../src/platform/client.ts';
import { createHttpTransport } from '../../src/platform/http-transport.ts';
import { registerAgent } from '../../src/platform/register.ts';
import { systemClock } from '../../src/ports/clock.ts';
import type { ContractId } from '../../src/ports/ids.ts';
import { silentLog } from '../../src/ports/log.ts';
import { systemRandom } from '../../src/ports/random.ts';
import { Secret } from '../../src/ports/secret.ts';
import { makeSshKey } from './admin.ts';
import { createPlatformCore } from './core.ts';
import { startPlatformServer } from './http.ts';
import { createSignedClient } from './signed-client.ts';
import { createProviderClient, createTenant } from './tenant.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const MACHINE = {
  external_id: 'vm-1',
  ip_address: '192.0.2.10',
  ipv6_address: null,
  ssh_port: 2222,
  root_password: null,
  additional_details: null,
};

/** A server, and everyone around it with real keys over real HTTP: an owner, and the agent's own client. */
async function cast() {
  const core = createPlatformCore({ clock: systemClock, random: systemRandom });
  const server = await startPlatformServer({ core });
  cleanups.push(server.close);
  const owner = createProviderClient({ platform: server.url });
  const pool = await owner.createPool({ name: 'Rack 1', location: 'europe', provisionerType: 'docker' });
  const token = await owner.createToken(pool, { label: 'host-1' });
  const offering = await owner.createOffering(OFFERING);

  const transport = createHttpTransport({ endpoint: server.url, name: 'test' });
  cleanups.push(() => transport.close());
  const signer = createSigner(new Secret(Buffer.from(systemRandom.bytes(32)).toString('hex')));
  const registration = await registerAgent(transport, systemClock, token, signer.publicKey);
  const agent = createPlatformClient({
    transport,
    signer,
    providerPubkey: owner.key,
    clock: systemClock,
    random: systemRandom,
    budget: createUnlimitedBudget(systemClock),
    log: silentLog,
  });
  return { core, server, owner, pool, token, offering, signer, registration, agent, transport };
}

const OFFERING = {
  offering_id: 'small',
  offer_name: 'Small',
  currency: 'EUR',
  monthly_price: 5,
  setup_fee: 0,
  visibility: 'public',
  product_type: 'compute',
  billing_interval: 'monthly',
  billing_unit: 'month',
  is_subscription: false,
  stock_status: 'in_stock',
  unmetered_bandwidth: true,
  is_draft: false,
  datacenter_country: 'DE',
  datacenter_city: 'Falkenstein',
  processor_cores: 2,
  memory_amount: '4 GB',
  total_ssd_capacity: '40 GB',
  provisioner_type: 'docker',
};

describe('a whole story over HTTP, with real keys and the clients of both sides', () => {
  test('from the setup token to the machine that is gone again', async () => {
    const { server, owner, pool, offering, agent, registration, signer } = await cast();
    expect(registration).toMatchObject({
      outcome: 'registered',
      registration: { providerPubkey: owner.key, poolId: pool },
    });
    const beat = await agent.heartbeat({ version: '0.1.0', provisionerType: 'docker', activeContracts: 0 });
    expect(beat).toMatchObject({ nextHeartbeatSeconds: 60, poolId: pool });

    const tenant = createTenant({ platform: server.url });
    const sshKey = makeSshKey(systemRandom.bytes(32));
    const id = (await tenant.rent({ offering, sshKey, hours: 24 })) as ContractId;
    const work = await agent.pendingProvision();
    expect(work.malformed).toEqual([]);
    expect(work.items).toMatchObject([
      {
        contract: id,
        offering: 'small',
        sshKey,
        cpuCores: 2,
        memoryMb: 4096,
        storageGb: 40,
        provisionerType: 'docker',
      },
    ]);

    expect(await agent.acquireLock(id)).toMatchObject({ state: 'held' });
    expect((await agent.pendingProvision()).items).toEqual([]);
    expect(await agent.reportProvisioning(id)).toEqual({ outcome: 'done' });
    expect(await agent.reportProvisioning(id)).toEqual({ outcome: 'already', status: 'provisioning' });
    expect(await agent.reportProvisioned(id, MACHINE)).toEqual({ outcome: 'done' });
    expect(await agent.reportProvisioned(id, MACHINE)).toEqual({ outcome: 'already', status: 'active' });
    expect(await agent.releaseLock(id)).toBe(true);
    expect(await tenant.contract(id)).toMatchObject({
      status: 'active',
      provisioning_instance_details: expect.stringContaining('2222'),
    });
    expect(await agent.acquireLock(id)).toEqual({ state: 'not-lockable', status: 'active' });

    expect(await agent.completePasswordReset(id, 'correct horse')).toEqual({ outcome: 'done' });
    expect(await tenant.password(id)).toBe('correct horse');
    await agent.reportHealth(id, { checkedAt: systemClock.now(), status: 'healthy' });
    expect(await owner.call('GET', `/contracts/${id}/health-summary`)).toMatchObject({ uptimePercent: 100 });

    const running = [{ externalId: 'vm-1', contractId: id }];
    const before = await agent.reconcile(running);
    await tenant.extend(id, 10);
    const after = await agent.reconcile(running);
    expect((after.keep[0]?.endsAt ?? 0) - (before.keep[0]?.endsAt ?? 0)).toBe(10 * 3_600_000);

    await tenant.cancel(id, 'thank you');
    expect((await agent.reconcile(running)).terminate).toMatchObject([{ contract: id, reason: 'cancelled' }]);
    expect(await agent.reportTerminated(id)).toEqual({ outcome: 'done' });
    expect(await owner.contracts()).toMatchObject([
      { contract_id: id, status: 'cancelled', payment_status: 'refunded' },
    ]);

    await owner.revoke(signer.publicKey);
    await expect(agent.pendingProvision()).rejects.toMatchObject({ kind: 'unauthorized' });
  });

  test('what a tenant asks of a running machine reaches the agent', async () => {
    const { server, offering, agent, core } = await cast();
    const tenant = createTenant({ platform: server.url });
    const id = (await tenant.rent({ offering, sshKey: makeSshKey(systemRandom.bytes(32)) })) as ContractId;
    await agent.reportProvisioning(id);
    await agent.reportProvisioned(id, { ...MACHINE, root_password: 'first' });
    expect(await tenant.password(id)).toBe('first');

    const key = makeSshKey(systemRandom.bytes(32), 'new');
    await tenant.rotateKey(id, key);
    expect(await agent.pendingKeyRotations()).toEqual([{ contract: id, sshKey: key }]);
    expect(await agent.completeKeyRotation(id)).toEqual({ outcome: 'done' });
    expect(await agent.completeKeyRotation(id)).toMatchObject({ outcome: 'already' });
    expect(await tenant.contract(id)).toMatchObject({ requester_ssh_pubkey: key });

    await tenant.resetPassword(id);
    expect(await agent.pendingPasswordResets()).toMatchObject({ listed: false });
    core.quirks.passwordResetListFails = false;
    expect(await agent.pendingPasswordResets()).toEqual({ listed: true, contracts: [id] });
    await agent.completePasswordReset(id, 'second');
    expect(await tenant.password(id)).toBe('second');
  });

  test('the owner rejects by hand, and says what agents are to be upgraded to', async () => {
    const { server, owner, pool, offering, agent, core } = await cast();
    await expect(owner.setAutoAccept('off')).rejects.toThrow('Provider profile not found');
    core.admin.provider({ key: owner.key });
    await owner.setAutoAccept('off');
    const tenant = createTenant({ platform: server.url });
    const id = await tenant.rent({ offering, sshKey: makeSshKey(systemRandom.bytes(32)) });
    expect((await agent.pendingProvision()).items).toEqual([]);
    await owner.respond(id, 'reject');
    expect(await tenant.contract(id)).toMatchObject({ status: 'rejected', payment_status: 'refunded' });
    await owner.upgradePool(pool, 'v9.9.9');
    expect(await agent.heartbeat({ version: '0.1.0', activeContracts: 0 })).toMatchObject({
      upgradeToVersion: 'v9.9.9',
    });
    await owner.upgradePool(pool, undefined);
    expect((await agent.heartbeat({ version: '0.1.0', activeContracts: 0 })).upgradeToVersion).toBeUndefined();
  });

  test('a token works once, and a main key is no agent key', async () => {
    const { owner, token, transport, signer, server } = await cast();
    expect(await registerAgent(transport, systemClock, token, signer.publicKey)).toEqual({ outcome: 'used' });
    const impostor = createSignedClient({ platform: server.url, seed: owner.seed }, 'x-agent-pubkey');
    await expect(impostor.call('GET', `/providers/${owner.key}/contracts/pending-provision`)).rejects.toThrow(
      'No active delegation',
    );
  });
});
