import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSigner, signedMessage, verifySignature } from '../identity/sign.ts';
import { systemClock } from '../ports/clock.ts';
import { type ContractId, parseContractId } from '../ports/ids.ts';
import { type Log, silentLog } from '../ports/log.ts';
import { systemRandom } from '../ports/random.ts';
import { Secret } from '../ports/secret.ts';
import type { InstanceDetails, PlatformApi, PlatformErrorKind } from './api.ts';
import { createBudget } from './budget.ts';
import { createPlatformClient, type PlatformClient } from './client.ts';
import { createHttpTransport, type HttpTransport } from './http-transport.ts';
import { failure, json, type Received, startTestServer, success, type TestServer, text } from './test-server.ts';

const PROVIDER = 'AB'.repeat(32);
const provider = PROVIDER.toLowerCase();
const contract = id('c0'.repeat(32));
const other = id('c1'.repeat(32));
const DETAILS: InstanceDetails = {
  external_id: '100',
  ip_address: '10.0.0.1',
  ipv6_address: null,
  ssh_port: 22,
  root_password: null,
  additional_details: null,
};

let server: TestServer;
let transport: HttpTransport;
let client: PlatformClient;
let logged: string;
beforeEach(async () => {
  server = await startTestServer();
  transport = createHttpTransport({ endpoint: server.endpoint, name: 'test' });
  logged = '';
  client = createClient();
});
afterEach(async () => {
  await transport.close();
  await server.close();
});

function createClient(timeoutMs = 30_000): PlatformClient {
  const note = (fields: object, message: string): void => {
    logged += JSON.stringify({ ...fields, message });
  };
  const log: Log = { ...silentLog, debug: note, info: note, warn: note };
  const budget = createBudget({ clock: systemClock });
  const signer = createSigner(new Secret('d2'.repeat(32)));
  return createPlatformClient({
    transport,
    signer,
    providerPubkey: PROVIDER,
    clock: systemClock,
    random: systemRandom,
    budget,
    log,
    timeoutMs,
  });
}

describe('every call', () => {
  type Row = [name: string, call: (api: PlatformApi) => Promise<unknown>, line: string, body: string, data: unknown];
  const rental = `/api/v1/provider/rental-requests/${contract}`;
  const rows: Row[] = [
    [
      'heartbeat',
      (api) => api.heartbeat({ version: '1.0.0', activeContracts: 2 }),
      `POST /api/v1/providers/${provider}/heartbeat`,
      '{"version":"1.0.0","provisionerType":null,"capabilities":null,"activeContracts":2}',
      {},
    ],
    [
      'pendingProvision',
      (api) => api.pendingProvision(),
      `GET /api/v1/providers/${provider}/contracts/pending-provision`,
      '',
      [],
    ],
    [
      'acquireLock',
      (api) => api.acquireLock(contract),
      `POST /api/v1/providers/${provider}/contracts/${contract}/lock`,
      '',
      { acquired: false },
    ],
    [
      'releaseLock',
      (api) => api.releaseLock(contract),
      `DELETE /api/v1/providers/${provider}/contracts/${contract}/lock`,
      '',
      true,
    ],
    [
      'reportProvisioning',
      (api) => api.reportProvisioning(contract),
      `PUT ${rental}/provisioning`,
      '{"status":"provisioning","instanceDetails":""}',
      'ok',
    ],
    [
      'reportFailed',
      (api) => api.reportFailed(contract, 'no\0 room'),
      `PUT ${rental}/provisioning`,
      '{"status":"provisioning_failed","instanceDetails":"no room"}',
      'ok',
    ],
    [
      'reportTerminated',
      (api) => api.reportTerminated(contract),
      `PUT /api/v1/providers/${provider}/contracts/${contract}/terminated`,
      '',
      true,
    ],
    [
      'reconcile',
      (api) =>
        api.reconcile([
          { externalId: 'a', contractId: contract },
          { externalId: 'b', contractId: null },
        ]),
      `POST /api/v1/providers/${provider}/reconcile`,
      `{"runningInstances":[{"externalId":"a","contractId":"${contract}"},{"externalId":"b","contractId":null}]}`,
      { keep: [] },
    ],
    [
      'reportHealth',
      (api) =>
        api.reportHealth(contract, { checkedAt: 1_767_225_600_123, status: 'unhealthy', latencyMs: 1.5, details: 'x' }),
      `POST /api/v1/contracts/${contract}/health`,
      '{"checkedAt":1767225600123000000,"status":"unhealthy","latencyMs":1,"details":"x"}',
      { id: 1 },
    ],
    [
      'pendingPasswordResets',
      (api) => api.pendingPasswordResets(),
      `GET /api/v1/providers/${provider}/contracts/pending-password-reset`,
      '',
      [],
    ],
    [
      'completePasswordReset',
      (api) => api.completePasswordReset(contract, 'pw'),
      `PUT ${rental}/password`,
      '{"newPassword":"pw"}',
      'ok',
    ],
    [
      'pendingKeyRotations',
      (api) => api.pendingKeyRotations(),
      `GET /api/v1/providers/${provider}/contracts/pending-ssh-key-rotation`,
      '',
      [],
    ],
    ['completeKeyRotation', (api) => api.completeKeyRotation(contract), `PUT ${rental}/ssh-key-rotation`, '', 'ok'],
    [
      'registerGateway',
      (api) => api.registerGateway('dc-1'),
      'POST /api/v1/agents/gateway/register',
      '{"dcId":"dc-1"}',
      { acmeDnsServerUrl: 'u', acmeDnsUsername: 'n', acmeDnsPassword: 'p', acmeDnsSubdomain: 's' },
    ],
    [
      'createDns',
      (api) => api.createDns({ slug: 'abc123', dcId: 'dc-1', publicIp: '192.0.2.1' }),
      'POST /api/v1/agents/dns',
      '{"action":"create","slug":"abc123","dcId":"dc-1","publicIp":"192.0.2.1"}',
      { subdomain: 's' },
    ],
    [
      'deleteDns',
      (api) => api.deleteDns({ slug: 'abc123', dcId: 'dc-1' }),
      'POST /api/v1/agents/dns',
      '{"action":"delete","slug":"abc123","dcId":"dc-1"}',
      { subdomain: 's' },
    ],
    ['agentStatus', (api) => api.agentStatus(), `GET /api/v1/providers/${provider}/agent-status`, '', { online: true }],
  ];

  it.each(rows)('%s is sent as the platform wants it, signed', async (_, call, line, body, data) => {
    server.answer = success(data);
    await call(client);
    const [request] = server.received;
    if (!request) throw new Error('nothing was sent');
    expect(`${request.method} ${request.path}`).toBe(line);
    expect(request.body).toBe(body);
    expect(request.headers['content-type']).toBe(body === '' ? undefined : 'application/json');
    expect(isSigned(request)).toBe(true);
  });

  it.each(rows)('%s turns every kind of failure into its error', async (_, call) => {
    const html = { 'content-type': 'text/html' };
    const table: [TestServer['answer'], PlatformErrorKind, number?][] = [
      [text(400, 'parse request payload error: missing field'), 'bug'],
      [text(401, 'Request timestamp expired (max 5 minutes)'), 'clock-skew'],
      [text(401, "Invalid signature: No active delegation found for agent key 'ab'"), 'unauthorized'],
      [text(403, 'CORS'), 'protocol'],
      [text(404, 'not found'), 'bug'],
      [text(404, '<html>Not here</html>', html), 'protocol'],
      [text(405, 'method not allowed'), 'bug'],
      [text(415, 'unsupported'), 'bug'],
      [text(302, '', { location: 'https://login.example.org' }), 'protocol'],
      [text(500, 'Internal error: database'), 'server'],
      [text(502, '<html><h1>Bad Gateway</h1></html>', html), 'server'],
      [text(204, ''), 'protocol'],
      [text(200, '<html>Please log in</html>', html), 'protocol'],
      [text(200, '{"success":true,"data":{}}'), 'protocol'],
      [text(200, '{"success":true,"da', { 'content-type': 'application/json' }), 'protocol'],
      [text(200, '{}', { 'content-type': 'application/json', 'content-encoding': 'gzip' }), 'protocol'],
      [json({ success: true }), 'protocol'],
      [json({ success: true, message: 'ok', environment: 'prod' }), 'protocol'],
      [json({ success: 1, data: {} }), 'protocol'],
      [json(null), 'protocol'],
      [(response) => response.destroy(), 'unreachable'],
      [(response) => response.socket?.end('HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{'), 'unreachable'],
    ];
    for (const [answer, kind] of table) {
      server.answer = answer;
      const before = server.received.length;
      // A client of its own: 22 writes in a row would meet the budget of the one for all.
      await expect(call(createClient())).rejects.toMatchObject({ name: 'PlatformError', kind });
      expect(server.received).toHaveLength(before + 1);
    }
  });

  it('has a deadline', async () => {
    server.answer = () => {};
    await expect(createClient(50).acquireLock(contract)).rejects.toMatchObject({ kind: 'unreachable' });
    await expect(createClient(50).heartbeat({ version: '1', activeContracts: 0 })).rejects.toMatchObject({
      kind: 'unreachable',
    });
  });

  it('ends when its caller aborts it, before or after sending', async () => {
    const controller = new AbortController();
    server.answer = () => controller.abort(new Error('shutting down'));
    const error = expect.objectContaining({
      kind: 'unreachable',
      cause: expect.objectContaining({ message: 'shutting down' }),
    });
    await expect(client.acquireLock(contract, controller.signal)).rejects.toEqual(error);
    await expect(client.acquireLock(contract, controller.signal)).rejects.toEqual(error);
    expect(server.received).toHaveLength(1);
  });

  it('keeps silent after a 429, for as long as the platform asked', async () => {
    server.answer = text(429, 'slow down', { 'retry-after': '60', 'x-ratelimit-tier': 'standard' });
    const throttled = { kind: 'throttled', retryAfterMs: 60_000 };
    await expect(client.acquireLock(contract)).rejects.toMatchObject(throttled);
    await expect(client.heartbeat({ version: '1', activeContracts: 0 })).rejects.toMatchObject({ kind: 'throttled' });
    await expect(client.releaseLock(contract)).rejects.toMatchObject({ kind: 'throttled' });
    expect(server.received).toHaveLength(1);
    server.answer = success([]);
    await client.pendingProvision();
  });

  it.each([
    ['seconds beyond reason', { 'retry-after': '999999' }, 900_000],
    ['a date', { date: 'Thu, 01 Jan 2026 12:00:00 GMT', 'retry-after': 'Thu, 01 Jan 2026 12:00:30 GMT' }, 30_000],
    ['nothing', {}, 60_000],
    ['nonsense', { 'retry-after': 'soon' }, 60_000],
  ])('understands a 429 with %s', async (_, headers, retryAfterMs) => {
    server.answer = text(429, '', headers);
    await expect(client.acquireLock(contract)).rejects.toMatchObject({ kind: 'throttled', retryAfterMs });
  });

  it('tells how far the clocks are apart', async () => {
    const tenMinutesAgo = new Date(Date.now() - 600_000).toUTCString();
    server.answer = text(401, 'Request timestamp expired (max 5 minutes)', { date: tenMinutesAgo });
    expect(client.skew()).toBeUndefined();
    await expect(client.acquireLock(contract)).rejects.toMatchObject({ kind: 'clock-skew' });
    const { skewMs, uncertaintyMs } = client.skew() ?? { skewMs: 0, uncertaintyMs: 0 };
    expect(Math.abs(skewMs - 600_000)).toBeLessThanOrEqual(uncertaintyMs + 1000);
  });
});

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
      { contractId: other, offeringId: 'x', requesterSshPubkey: '', memoryAmount: 'much', provisionerConfig: { a: 1 } },
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
        { contract: other, offering: 'x', sshKey: '', provisionerConfig: '{"a":1}' },
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
      { contract_id: other, offering_id: 'x' },
      { contract_id: contract, offering_id: 'x', requester_ssh_pubkey: 'k', cpu_cores: '2' },
      { contract_id: contract, offering_id: 'x', requester_ssh_pubkey: 'k' },
    ]);
    const { items, malformed } = await client.pendingProvision();
    expect(items).toEqual([{ contract, offering: 'x', sshKey: 'k' }]);
    expect(malformed).toHaveLength(7);
    expect(malformed[5]).toEqual({ contract: other, problem: expect.stringContaining('requesterSshPubkey') });
    expect(malformed[6]).toEqual({ contract, problem: expect.stringContaining('cpuCores') });
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

describe('the report of a machine', () => {
  it('holds JSON in a string, keys in order, the password only when there is one', async () => {
    server.answer = success('done');
    expect(await client.reportProvisioned(contract, DETAILS)).toEqual({ outcome: 'done' });
    await client.reportProvisioned(contract, {
      gateway_ssh_port: 20_000,
      public_ip: '192.0.2.1',
      ...DETAILS,
      root_password: 'p"w',
      additional_details: 'a\0b',
    });
    const bodies = server.received.map(({ body }) => JSON.parse(body));
    expect(bodies.map(({ status }) => status)).toEqual(['provisioned', 'provisioned']);
    expect(bodies.map(({ instanceDetails }) => instanceDetails)).toEqual([
      '{"external_id":"100","ip_address":"10.0.0.1","ipv6_address":null,"ssh_port":22,"root_password":null,"additional_details":null}',
      '{"external_id":"100","ip_address":"10.0.0.1","ipv6_address":null,"public_ip":"192.0.2.1","ssh_port":22,' +
        '"root_password":"p\\"w","additional_details":"ab","gateway_ssh_port":20000}',
    ]);
  });

  it('never lets a password into an error, an answer or the log, even when the platform quotes it', async () => {
    const password = 'hunter2-"quoted"';
    const quote: TestServer['answer'] = (response, { body }) =>
      failure(`cannot store ${password} of ${body}`)(response, { body } as Received);
    server.answer = quote;
    const answer = await client.reportProvisioned(contract, { ...DETAILS, root_password: password });
    expect(answer).toMatchObject({ outcome: 'refused', text: expect.stringContaining('cannot store ••••') });
    const second = await client.completePasswordReset(contract, password);
    server.answer = text(400, `parse error near ${password}`);
    const error: unknown = await client.completePasswordReset(contract, password).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ kind: 'bug' });
    expect(`${JSON.stringify([answer, second])}${error}${logged}`).not.toContain('hunter2');
  });

  it('is read through the oracle', async () => {
    server.answer = failure(
      "Invalid status transition: cancelled -> provisioned. Valid transitions from 'cancelled': []",
    );
    expect(await client.reportProvisioned(contract, DETAILS)).toEqual({ outcome: 'dead', status: 'cancelled' });
    server.answer = failure('Contract not found or not in cancelled status (ID: x)');
    expect(await client.reportTerminated(contract)).toEqual({ outcome: 'out-of-order', status: 'not-cancelled' });
  });
});

describe('reconciling', () => {
  it('reads each list element by element, and a missing list as empty', async () => {
    server.answer = success({
      keep: [
        { externalId: 'a', contractId: contract, endsAt: 1_767_225_600_123_456_789 },
        { external_id: 'b', contract_id: other, ends_at: 0 },
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
        { externalId: 'b', contract: other },
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
    server.answer = success([{ contract_id: contract, status: 'active' }, { contractId: other }, {}]);
    expect(await client.pendingPasswordResets()).toEqual({ listed: true, contracts: [contract, other] });
    expect(logged).toContain('"malformed":1');
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
      { contractId: other, requesterSshPubkey: 'k2' },
      { contract_id: contract },
    ]);
    expect(await client.pendingKeyRotations()).toEqual([
      { contract, sshKey: 'k1' },
      { contract: other, sshKey: 'k2' },
    ]);
  });
});

describe('the rest', () => {
  it('reads the status of the agent, and none as undefined', async () => {
    server.answer = success({
      online: true,
      lastHeartbeatNs: 1_767_225_600_123_456_789,
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
    const budget = createBudget({ clock: systemClock });
    const signer = createSigner(new Secret('d2'.repeat(32)));
    const deps = { transport, signer, clock: systemClock, random: systemRandom, budget, log: silentLog };
    expect(() => createPlatformClient({ ...deps, providerPubkey: '../x' })).toThrow(TypeError);
  });
});

function isSigned({ method, path, headers, body }: Received): boolean {
  const value = (name: string): string => String(headers[name]);
  const message = signedMessage({ timestamp: value('x-timestamp'), nonce: value('x-nonce'), method, path, body });
  expect(value('x-timestamp')).toMatch(/^\d{19}$/);
  expect(headers).not.toHaveProperty('x-public-key');
  return verifySignature(value('x-agent-pubkey'), message, value('x-signature'));
}

function id(hex: string): ContractId {
  const parsed = parseContractId(hex);
  if (!parsed) throw new Error(`no contract id: ${hex}`);
  return parsed;
}
