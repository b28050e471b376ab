import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PlatformClient } from './client.ts';
import { contract, otherContract, startTestBench, type TestBench } from './test-client.ts';
import { failure, success, type TestServer, text } from './test-server.ts';

let bench: TestBench;
let server: TestServer;
let client: PlatformClient;
beforeEach(async () => {
  bench = await startTestBench();
  ({ server } = bench);
  client = bench.client();
});
afterEach(() => bench.close());

describe('the heartbeat', () => {
  it('carries whole numbers only and all three lists, and leaves empty statistics out', async () => {
    await client.heartbeat({
      version: '1.0.0',
      provisionerType: 'docker',
      capabilities: ['a'],
      activeContracts: 1.5,
      bandwidthStats: [{ gatewaySlug: 'abc123', contractId: contract, bytesIn: 2 ** 60, bytesOut: Number.NaN }],
      resources: {
        cpuCores: 4.7,
        cpuThreads: 8,
        memoryTotalMb: 1024.5,
        memoryAvailableMb: -1,
        storagePools: [{ name: 'p\0', totalGb: 10.9, availableGb: 1, storageType: 'dir' }],
        gpuDevices: [],
        templates: [],
      },
    });
    await client.heartbeat({ version: '1.0.0', activeContracts: 0, bandwidthStats: [] });
    const max = Number.MAX_SAFE_INTEGER;
    expect(server.received.map(({ body }) => body)).toEqual([
      `{"version":"1.0.0","provisionerType":"docker","capabilities":["a"],"activeContracts":1,` +
        `"bandwidthStats":[{"gatewaySlug":"abc123","contractId":"${contract}","bytesIn":${max},"bytesOut":0}],` +
        `"resources":{"cpuCores":4,"cpuThreads":8,"memoryTotalMb":1024,"memoryAvailableMb":0,` +
        `"storagePools":[{"name":"p","totalGb":10,"availableGb":1,"storageType":"dir"}],"gpuDevices":[],"templates":[]}}`,
      '{"version":"1.0.0","provisionerType":null,"capabilities":null,"activeContracts":0}',
    ]);
  });

  it.each([
    [
      { acknowledged: true, nextHeartbeatSeconds: 60, poolId: 'p-1', poolName: 'P', upgradeToVersion: ' v0.6.1' },
      { nextHeartbeatSeconds: 60, poolId: 'p-1', poolName: 'P', upgradeToVersion: ' v0.6.1' },
    ],
    [
      { next_heartbeat_seconds: 30, pool_id: 'p-1', pool_name: null, news: [] },
      { nextHeartbeatSeconds: 30, poolId: 'p-1' },
    ],
    [{ nextHeartbeatSeconds: -5, poolId: 7 }, {}],
  ])('reads %j', async (data, expected) => {
    server.answer = success(data);
    expect(await client.heartbeat({ version: '1', activeContracts: 0 })).toEqual(expected);
  });

  it('is refused in the words of the platform', async () => {
    server.answer = failure("Agent does not have 'heartbeat' permission");
    await expect(client.heartbeat({ version: '1', activeContracts: 0 })).rejects.toMatchObject({
      kind: 'refused',
      message: "Agent does not have 'heartbeat' permission",
    });
  });
});

describe('the work list', () => {
  it('is read in both spellings, sizes parsed, nulls and unknown members ignored', async () => {
    server.answer = success([
      {
        contract_id: contract.toUpperCase(),
        offering_id: 'small',
        requester_ssh_pubkey: 'ssh-ed25519 AAAA x\n',
        cpu_cores: 2,
        memory_amount: '16 GB',
        storage_capacity: '100GiB',
        provisioner_type: 'docker',
        provisioner_config: '{"image":"debian"}',
        instance_config: null,
        post_provision_script: '#!/bin/sh\n',
        surprise: { deep: [1] },
      },
      {
        contractId: otherContract,
        offeringId: 'x',
        requesterSshPubkey: '',
        memoryAmount: 'much',
        provisionerConfig: { a: 1 },
      },
    ]);
    expect(await client.pendingProvision()).toEqual({
      items: [
        {
          contract,
          offering: 'small',
          sshKey: 'ssh-ed25519 AAAA x\n',
          cpuCores: 2,
          memoryMb: 16_384,
          storageGb: 100,
          provisionerType: 'docker',
          provisionerConfig: '{"image":"debian"}',
          postProvisionScript: '#!/bin/sh\n',
        },
        { contract: otherContract, offering: 'x', sshKey: '', provisionerConfig: '{"a":1}' },
      ],
      malformed: [],
    });
  });

  it('shows good entries beside bad ones, and names the bad where it can', async () => {
    server.answer = success([
      null,
      'x',
      [],
      { offering_id: 'no contract' },
      { contract_id: '../../etc', offering_id: 'x', requester_ssh_pubkey: 'k' },
      { contract_id: otherContract, offering_id: 'x' },
      { contract_id: contract, offering_id: 'x', requester_ssh_pubkey: 'k', cpu_cores: '2' },
      { contract_id: contract, offering_id: 'x', requester_ssh_pubkey: 'k' },
    ]);
    const { items, malformed } = await client.pendingProvision();
    expect(items).toEqual([{ contract, offering: 'x', sshKey: 'k' }]);
    expect(malformed).toHaveLength(7);
    expect(malformed[5]).toEqual({ contract: otherContract, problem: expect.stringContaining('requesterSshPubkey') });
    expect(malformed[6]).toEqual({ contract, problem: expect.stringContaining('cpuCores') });
  });

  it('survives an entry that is nested without end', async () => {
    const depth = 100_000;
    const deep = `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
    const entry = `{"contract_id":"${contract}","offering_id":"x","requester_ssh_pubkey":"k","provisioner_config":${deep}}`;
    const headers = { 'content-type': 'application/json' };
    server.answer = text(200, `{"success":true,"data":[${entry},${deep}]}`, headers);
    const { items, malformed } = await client.pendingProvision();
    expect(items).toEqual([]);
    expect(malformed).toEqual([
      { contract, problem: expect.stringContaining('provisionerConfig') },
      { problem: expect.any(String) },
    ]);
  });

  it.each([{}, 'x', 1, true, { items: [] }])('is not taken for empty when the data is %j', async (data) => {
    server.answer = success(data);
    await expect(client.pendingProvision()).rejects.toMatchObject({ kind: 'protocol' });
  });
});

describe('locks', () => {
  it('are held only when the platform says acquired', async () => {
    server.answer = success({ acquired: true, expiresAtNs: 1 }, 'some information');
    expect(await client.acquireLock(contract)).toMatchObject({ state: 'held' });
    server.answer = success({ acquired: false, expiresAtNs: 5 }, 'Contract already locked by another agent');
    expect(await client.acquireLock(contract)).toEqual({ state: 'taken' });
  });

  it('that were not held are released without an error', async () => {
    server.answer = success(false, 'Lock not held by this agent');
    expect(await client.releaseLock(contract)).toBe(false);
    server.answer = success(true);
    expect(await client.releaseLock(contract)).toBe(true);
  });
});

describe('reconciling', () => {
  it('reads each list element by element, and a missing list as empty', async () => {
    server.answer = success({
      keep: [
        { externalId: 'a', contractId: contract, endsAt: Number('1767225600123456789') },
        { external_id: 'b', contract_id: otherContract, ends_at: 0 },
        { externalId: 'c', contractId: 'nope' },
      ],
      terminate: [
        { externalId: 'd', contractId: contract, reason: 'cancelled' },
        { externalId: 'e', contractId: contract },
        null,
      ],
      unknown: [{ externalId: 'f', message: 'No contract found' }],
    });
    expect(await client.reconcile([])).toEqual({
      keep: [
        { externalId: 'a', contract, endsAt: 1_767_225_600_123 },
        { externalId: 'b', contract: otherContract },
      ],
      terminate: [{ externalId: 'd', contract, reason: 'cancelled' }],
      unknown: [{ externalId: 'f', message: 'No contract found' }],
      pause: [],
      malformed: 3,
    });
  });

  it.each([{}, [], 'x', { kept: [] }])('does not take %j for an answer', async (data) => {
    server.answer = success(data);
    await expect(client.reconcile([])).rejects.toMatchObject({ kind: 'protocol' });
  });

  it('counts a list that is none', async () => {
    server.answer = success({ keep: [], terminate: 'all of them' });
    expect(await client.reconcile([])).toMatchObject({ terminate: [], malformed: 1 });
  });
});

describe('tenant requests', () => {
  it('lists password resets in either spelling, or says that they cannot be listed', async () => {
    server.answer = success([{ contract_id: contract, status: 'active' }, { contractId: otherContract }, {}]);
    expect(await client.pendingPasswordResets()).toEqual({ listed: true, contracts: [contract, otherContract] });
    expect(bench.logged()).toContain('malformed: 1');
    server.answer = failure('error occurred while decoding column "contract_id": mismatched types');
    expect(await client.pendingPasswordResets()).toMatchObject({
      listed: false,
      text: expect.stringContaining('mismatched'),
    });
    server.answer = failure('Unauthorized: not yours');
    await expect(client.pendingPasswordResets()).rejects.toMatchObject({ kind: 'refused' });
  });

  it('lists key rotations in either spelling', async () => {
    server.answer = success([
      { contract_id: contract, requester_ssh_pubkey: 'k1' },
      { contractId: otherContract, requesterSshPubkey: 'k2' },
      { contract_id: contract },
    ]);
    expect(await client.pendingKeyRotations()).toEqual([
      { contract, sshKey: 'k1' },
      { contract: otherContract, sshKey: 'k2' },
    ]);
  });
});

describe('a DNS record', () => {
  const record = { slug: 'abc123', dcId: 'dc-1', publicIp: '192.0.2.1' };

  it('that is there already is told apart from one that was refused', async () => {
    server.answer = success({ subdomain: 'a.dc-1.gw.example.org' });
    expect(await client.createDns(record)).toEqual({ outcome: 'done', subdomain: 'a.dc-1.gw.example.org' });
    server.answer = failure('Failed to create DNS record: An identical record already exists. (81058)');
    expect(await client.createDns(record)).toMatchObject({ outcome: 'exists' });
    server.answer = failure('Failed to create DNS record: 500');
    await expect(client.createDns(record)).rejects.toMatchObject({ kind: 'refused' });
    server.answer = failure("dc_id 'dc-1' is already registered to a different provider");
    await expect(client.createDns(record)).rejects.toMatchObject({ kind: 'refused' });
  });
});

describe('the rest', () => {
  it('reads the status of the agent, and none as undefined', async () => {
    server.answer = success({
      online: true,
      lastHeartbeatNs: Number('1767225600123456789'),
      version: null,
      activeContracts: 3,
    });
    expect(await client.agentStatus()).toEqual({ online: true, lastHeartbeat: 1_767_225_600_123, activeContracts: 3 });
    server.answer = failure('No agent status for this provider');
    expect(await client.agentStatus()).toBeUndefined();
  });

  it('reads DNS and gateway answers', async () => {
    server.answer = success({ subdomain: 'a.dc-1.gw.example.org' });
    expect(await client.deleteDns({ slug: 'abc123', dcId: 'dc-1' })).toEqual({ subdomain: 'a.dc-1.gw.example.org' });
    server.answer = success({
      acmeDnsServerUrl: 'https://x/acme',
      acme_dns_username: 'u',
      acmeDnsPassword: 'p',
      acmeDnsSubdomain: 's',
    });
    expect(await client.registerGateway('dc-1')).toEqual({
      serverUrl: 'https://x/acme',
      username: 'u',
      password: 'p',
      subdomain: 's',
    });
    server.answer = success({ acmeDnsServerUrl: 7, acmeDnsPassword: 'geheim' });
    await expect(client.registerGateway('dc-1')).rejects.not.toThrow('geheim');
  });

  it('refuses a provider key that is none', () => {
    expect(() => bench.client({ providerPubkey: '../x' })).toThrow(TypeError);
  });
});
