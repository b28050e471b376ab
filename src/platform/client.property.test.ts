import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Signer } from '../identity/sign.ts';
import { systemClock } from '../ports/clock.ts';
import { type AgentId, parseContractId } from '../ports/ids.ts';
import { silentLog } from '../ports/log.ts';
import { systemRandom } from '../ports/random.ts';
import { type PlatformApi, PlatformError } from './api.ts';
import { createUnlimitedBudget } from './budget.ts';
import { createPlatformClient } from './client.ts';
import { platformHealth } from './liveness.ts';
import { registerAgent } from './register.ts';
import type { Transport, WireResponse } from './transport.ts';

const contract = parseContractId('c0'.repeat(32));
if (!contract) throw new Error('not a contract id');
const agent = 'a0'.repeat(32) as AgentId;
const signer: Signer = { publicKey: agent, header: 'X-Agent-Pubkey', sign: () => '00'.repeat(64) };

const DETAILS = {
  external_id: 'x',
  ip_address: null,
  ipv6_address: null,
  ssh_port: 22,
  root_password: 'pw',
  additional_details: null,
};
const CALLS: ((api: PlatformApi, transport: Transport) => Promise<unknown>)[] = [
  (api) => api.heartbeat({ version: '1', activeContracts: 0 }),
  (api) => api.pendingProvision(),
  (api) => api.acquireLock(contract),
  (api) => api.releaseLock(contract),
  (api) => api.reportProvisioning(contract),
  (api) => api.reportProvisioned(contract, DETAILS),
  (api) => api.reportFailed(contract, 'why'),
  (api) => api.reportTerminated(contract),
  (api) => api.reconcile([]),
  (api) => api.reportHealth(contract, { checkedAt: 1, status: 'healthy' }),
  (api) => api.pendingPasswordResets(),
  (api) => api.completePasswordReset(contract, 'pw'),
  (api) => api.pendingKeyRotations(),
  (api) => api.completeKeyRotation(contract),
  (api) => api.registerGateway('dc'),
  (api) => api.createDns({ slug: 'a', dcId: 'b', publicIp: 'c' }),
  (api) => api.deleteDns({ slug: 'a', dcId: 'b' }),
  (api) => api.agentStatus(),
  (_, transport) => registerAgent(transport, systemClock, 'apt_x', agent),
  (_, transport) => platformHealth(transport),
];

/** Member names that some answer has, in both spellings, and some that no object should be given. */
const name = fc.constantFrom(
  'contract_id',
  'contractId',
  'offering_id',
  'requester_ssh_pubkey',
  'cpu_cores',
  'memory_amount',
  'acquired',
  'expiresAtNs',
  'keep',
  'terminate',
  'unknown',
  'pause',
  'externalId',
  'endsAt',
  'reason',
  'message',
  'online',
  'lastHeartbeatNs',
  'subdomain',
  'nextHeartbeatSeconds',
  'providerPubkey',
  'poolId',
  'permissions',
  '__proto__',
  'constructor',
  'toString',
  '',
);
const leaf = fc.oneof(
  fc.jsonValue({ maxDepth: 1 }),
  fc.constantFrom(contract, '16 GB', true, null, 1e300, -1, '\0', 'x_'),
);
const data = fc.letrec((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.array(tie('node'), { maxLength: 3 }),
    fc.dictionary(name, tie('node'), { maxKeys: 5 }),
  ),
})).node;
const error = fc.oneof(
  fc.string(),
  fc.constantFrom(
    'Invalid status transition: a -> b',
    'Contract not found',
    'not in lockable status',
    'payment not succeeded',
    'Setup token',
  ),
);
const body = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .record({ success: fc.constant(true), data, error }, { requiredKeys: ['success', 'data'] })
      .map((it) => JSON.stringify(it)),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ success: fc.constant(false), error: fc.oneof(error, leaf) }, { requiredKeys: ['success'] })
      .map((it) => JSON.stringify(it)),
  },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
);
const response: fc.Arbitrary<WireResponse> = fc.record({
  status: fc.oneof(
    { weight: 8, arbitrary: fc.constant(200) },
    { weight: 1, arbitrary: fc.integer({ min: 100, max: 599 }) },
  ),
  headers: fc.oneof(
    { weight: 4, arbitrary: fc.constant({ 'content-type': 'application/json' }) },
    {
      weight: 1,
      arbitrary: fc.dictionary(
        fc.constantFrom('content-type', 'date', 'retry-after', 'age', 'content-encoding'),
        fc.string(),
      ),
    },
  ),
  body,
});

it('no answer whatsoever makes a call throw anything but a PlatformError', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(response, async (answer) => {
      const transport: Transport = async () => answer;
      const deps = {
        transport,
        signer,
        providerPubkey: agent,
        clock: systemClock,
        random: systemRandom,
        log: silentLog,
      };
      for (const call of CALLS) {
        const api = createPlatformClient({ ...deps, budget: createUnlimitedBudget(systemClock) });
        const thrown: unknown = await call(api, transport).then(
          () => undefined,
          (cause: unknown) => cause,
        );
        if (thrown !== undefined && !(thrown instanceof PlatformError)) throw thrown;
      }
      expect(Object.prototype).not.toHaveProperty('contractId');
    }),
    { numRuns: 400 },
  );
});

it('no way for a transport to fail makes a call throw anything but a PlatformError', async () => {
  for (const thrown of [new Error('x'), 'text', undefined, null, new TypeError('fetch failed')]) {
    const transports: Transport[] = [
      () => Promise.reject(thrown),
      () => {
        throw thrown;
      },
    ];
    for (const transport of transports) {
      const budget = createUnlimitedBudget(systemClock);
      const deps = {
        transport,
        signer,
        providerPubkey: agent,
        clock: systemClock,
        random: systemRandom,
        log: silentLog,
      };
      const api = createPlatformClient({ ...deps, budget });
      await expect(api.reportTerminated(contract)).rejects.toMatchObject({
        name: 'PlatformError',
        kind: 'unreachable',
      });
    }
  }
});
