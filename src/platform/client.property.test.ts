import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Signer } from '../identity/sign.ts';
import { type Clock, systemClock } from '../ports/clock.ts';
import { type AgentId, parseContractId } from '../ports/ids.ts';
import { silentLog } from '../ports/log.ts';
import { systemRandom } from '../ports/random.ts';
import { publishChallenge } from './acme-dns.ts';
import { type PlatformApi, PlatformError } from './api.ts';
import { createUnlimitedBudget } from './budget.ts';
import { createPlatformClient } from './client.ts';
import { createHttpTransport } from './http-transport.ts';
import { platformHealth } from './liveness.ts';
import { registerAgent } from './register.ts';
import { passwordResetEvents } from './reset-events.ts';
import type { StreamTransport, Transport, WireResponse } from './transport.ts';
import { createVirtualClock } from './virtual-clock.ts';

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
type Invoke = (api: PlatformApi, transport: Transport) => Promise<unknown>;

const CLIENT_CALLS: readonly Invoke[] = [
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
];

const CALLS: readonly Invoke[] = [
  ...CLIENT_CALLS,
  (_, transport) => registerAgent(transport, systemClock, 'apt_x', agent),
  (_, transport) => platformHealth(transport),
  (_, transport) => publishChallenge(transport, systemClock, ACCOUNT, 'challenge'),
  (_, transport) => resets(transport),
];

const ACCOUNT = { serverUrl: 'https://x.invalid', username: 'u', password: 'p', subdomain: 's' };

/** The answer as a stream, in pieces of a few characters. */
async function resets(transport: Transport): Promise<void> {
  const stream: StreamTransport = async (request) => {
    const { status, headers, body } = await transport(request);
    async function* text(): AsyncGenerator<string> {
      for (let at = 0; at < body.length; at += 7) yield body.slice(at, at + 7);
    }
    return { status, headers, text: text() };
  };
  const budget = createUnlimitedBudget(systemClock);
  const deps = { stream, signer, providerPubkey: agent, clock: systemClock, random: systemRandom, budget };
  for await (const contracts of passwordResetEvents(deps, new AbortController().signal))
    expect(contracts).toBeInstanceOf(Array);
}

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
  'contractIds',
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
  { weight: 1, arbitrary: fc.json().map((it) => `event: password-reset-count\ndata: ${it}\n\n`) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
);
const response: fc.Arbitrary<WireResponse> = fc.record({
  status: fc.oneof(
    { weight: 8, arbitrary: fc.constant(200) },
    { weight: 1, arbitrary: fc.integer({ min: 100, max: 599 }) },
  ),
  headers: fc.oneof(
    { weight: 4, arbitrary: fc.constant({ 'content-type': 'application/json' }) },
    { weight: 1, arbitrary: fc.constant({ 'content-type': 'text/event-stream' }) },
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
      for (const call of CALLS) {
        const thrown: unknown = await call(clientOf(transport), transport).then(
          () => undefined,
          (cause: unknown) => cause,
        );
        if (thrown !== undefined) expect(thrown).toBeInstanceOf(PlatformError);
      }
      expect(Object.prototype).not.toHaveProperty('contractId');
    }),
    { numRuns: 400 },
  );
});

it('no way for a transport to fail makes a call throw anything but a PlatformError', async () => {
  for (const thrown of [new Error('x'), 'text', undefined, null, new TypeError('fetch failed')]) {
    const transports: Transport[] = [
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- libraries do reject with anything
      () => Promise.reject(thrown),
      () => {
        // oxlint-disable-next-line typescript/only-throw-error -- and throw anything
        throw thrown;
      },
    ];
    for (const transport of transports) {
      await expect(clientOf(transport).reportTerminated(contract)).rejects.toMatchObject({
        name: 'PlatformError',
        kind: 'unreachable',
      });
    }
  }
});

it('no bytes on the wire make a call hang or throw anything but a PlatformError', { timeout: 120_000 }, async () => {
  let bytes = Buffer.alloc(0);
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(bytes));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const transport = createHttpTransport({ endpoint: `http://127.0.0.1:${port}`, name: 'fuzz' });
  const piece = fc.oneof(
    fc.constantFrom(
      'HTTP/1.1 200 OK\r\n',
      'HTTP/1.1 100 Continue\r\n\r\n',
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
      'HTTP/1.0 429 \r\n',
      'content-type: application/json\r\n',
      'content-length: 27\r\n',
      'content-length: -1\r\n',
      'transfer-encoding: chunked\r\n',
      'content-encoding: gzip\r\n',
      '1b\r\n',
      '0\r\n\r\n',
      'x: \u0000\r\n',
      '\r\n',
      '{"success":true,"data":true}',
    ),
    fc.string({ unit: 'binary', maxLength: 20 }),
  );
  const bodies = fc.array(piece, { maxLength: 8 }).map((pieces) => Buffer.from(pieces.join('')));
  try {
    await fc.assert(
      fc.asyncProperty(bodies, async (answer) => {
        bytes = answer;
        const outcome: unknown = await clientOf(transport)
          .reportTerminated(contract)
          .catch((error: unknown) => error);
        if (outcome instanceof Error) expect(outcome).toBeInstanceOf(PlatformError);
        else expect(outcome).toHaveProperty('outcome');
      }),
      { numRuns: 200 },
    );
  } finally {
    await transport.close();
    server.close();
  }
});

it('no call outlasts its deadlines, even over a transport that never answers and ignores its signal', async () => {
  const clock = createVirtualClock();
  const never: Transport = () => new Promise(() => {});
  for (const call of CLIENT_CALLS) {
    const settled = call(clientOf(never, clock), never).catch((error: unknown) => error);
    await clock.advance(30_000);
    expect(await settled).toMatchObject({ name: 'PlatformError', kind: 'unreachable' });
  }
});

function clientOf(transport: Transport, clock: Clock = systemClock): PlatformApi {
  const deps = { transport, signer, providerPubkey: agent, clock, random: systemRandom, log: silentLog };
  return createPlatformClient({ ...deps, budget: createUnlimitedBudget(clock) });
}
