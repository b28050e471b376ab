import { z } from 'zod';
import { type Answer, json, Refusal } from './answers.ts';
import type { PlatformCore, PlatformRequest } from './core.ts';
import type { Fault } from './faults.ts';
import { ROUTES, type RouteName } from './routes/index.ts';

/**
 * The admin interface for other processes: `POST /__admin/<verb>` with a JSON object, or `GET /__admin/contracts`.
 * Answers 200 with JSON, 400 with `{"error"}` for a bad body or a refusal, 404 for an unknown verb.
 */
export function handleAdmin(core: PlatformCore, request: PlatformRequest): Answer {
  // A web page could otherwise reach the loopback port of whoever looks at it.
  if (request.headers['origin'] !== undefined) return json(403, { error: 'Origin not allowed' });
  const verb = request.path.split('?', 1)[0]?.slice('/__admin/'.length) ?? '';
  if (request.method === 'GET' && verb === 'contracts') return json(200, contracts(core));
  const run = request.method === 'POST' ? VERBS.get(verb) : undefined;
  if (!run) return json(404, { error: `Unknown verb "${verb}". Known: contracts, ${[...VERBS.keys()].join(', ')}` });
  if (!request.headers['content-type']?.startsWith('application/json')) {
    return json(415, { error: 'Expected Content-Type application/json' });
  }
  try {
    const result = run(core, request.body === '' ? {} : JSON.parse(request.body));
    return json(200, result ?? { done: true });
  } catch (error) {
    if (error instanceof z.ZodError) return json(400, { error: z.prettifyError(error) });
    if (error instanceof Refusal || error instanceof SyntaxError) return json(400, { error: error.message });
    throw error;
  }
}

function contracts(core: PlatformCore): object {
  core.tick();
  return [...core.contracts.values()].map((contract) => ({
    contractId: contract.id,
    status: contract.status,
    payment: contract.paymentStatus,
    offering: contract.offeringSlug,
    lockedBy: core.locks.get(contract.id)?.agent,
    details: contract.details,
    terminated: contract.terminatedAt !== undefined,
    createdAt: contract.createdAt,
    statusUpdatedAt: contract.statusUpdatedAt,
    endsAt: contract.endAt,
  }));
}

type Verb = (core: PlatformCore, body: unknown) => unknown;

function verb<T>(schema: z.ZodType<T>, run: (core: PlatformCore, body: T) => unknown): Verb {
  return (core, body) => run(core, schema.parse(body));
}

const contract = z.strictObject({ contract: z.string() });
const key = z.strictObject({ key: z.string() });
const routeNames = ROUTES.map((route) => route.name) as [RouteName, ...RouteName[]];

const rent = z.strictObject({
  offering: z.int(),
  tenant: z.string().optional(),
  sshKey: z.string().optional(),
  hours: z.int().optional(),
  method: z.enum(['test', 'wallet', 'stripe']).optional(),
  payment: z.enum(['pending', 'succeeded', 'refunded', 'failed', 'disputed']).optional(),
  instanceConfig: z.string().optional(),
});

const processed = z.boolean().optional();
const fault = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.enum(['drop-before', 'drop-after', 'stale', 'empty-list', 'duplicate-entries']) }),
  z.strictObject({ kind: z.enum(['hang', 'bad-gateway']), processed }),
  z.strictObject({ kind: z.enum(['delay', 'hold']), ms: z.int().nonnegative() }),
  z.strictObject({ kind: z.literal('throttle'), retryAfterSeconds: z.int().optional() }),
  z.strictObject({ kind: z.literal('server-error'), text: z.string().optional(), processed }),
  z.strictObject({ kind: z.literal('truncate'), framing: z.enum(['broken', 'intact']).optional() }),
  z.strictObject({ kind: z.literal('malformed-entries'), entries: z.array(z.unknown()).optional() }),
  z.strictObject({ kind: z.literal('content-type'), value: z.string() }),
]);

const rule = z.strictObject({
  route: z.enum(['*', ...routeNames]),
  match: z.string().optional(),
  skip: z.int().nonnegative().optional(),
  /** JSON has no infinity. */
  times: z.union([z.int().positive(), z.literal('forever')]).optional(),
  fault,
});

const VERBS = new Map<string, Verb>([
  [
    'rent',
    verb(rent, (core, body) => {
      const fresh = core.admin.keyPair();
      const order = { ...defined(body), offering: body.offering, tenant: body.tenant ?? fresh.key };
      const { id, tenant } = core.admin.rent(order);
      return { contractId: id, tenantKey: tenant, ...(body.tenant === undefined ? { tenantSeed: fresh.seed } : {}) };
    }),
  ],
  ['cancel', verb(contract, (core, body) => core.admin.cancel(body.contract))],
  ['reset-password', verb(contract, (core, body) => core.admin.resetPassword(body.contract))],
  ['pause', verb(contract, (core, body) => core.admin.pause(body.contract))],
  ['resume', verb(contract, (core, body) => core.admin.resume(body.contract))],
  ['lose-dispute', verb(contract, (core, body) => core.admin.loseDispute(body.contract))],
  ['expire', verb(contract, (core, body) => core.admin.expire(body.contract))],
  ['forget', verb(contract, (core, body) => core.admin.forget(body.contract))],
  ['accept', verb(contract, (core, body) => core.admin.respond(body.contract, 'accept'))],
  ['reject', verb(contract, (core, body) => core.admin.respond(body.contract, 'reject'))],
  [
    'rotate-key',
    verb(contract.extend({ sshKey: z.string() }), (core, body) => core.admin.rotateKey(body.contract, body.sshKey)),
  ],
  ['extend', verb(contract.extend({ hours: z.int() }), (core, body) => core.admin.extend(body.contract, body.hours))],
  [
    'set-payment',
    verb(contract.extend({ payment: rent.shape.payment.unwrap() }), (core, body) =>
      core.admin.setPayment(body.contract, body.payment),
    ),
  ],
  ['revoke', verb(key, (core, body) => core.admin.revoke(body.key))],
  ['verify-email', verb(key, (core, body) => core.admin.verifyEmail(body.key))],
  ['token', verb(z.strictObject({ pool: z.string() }), (core, body) => ({ token: core.admin.token(body.pool) }))],
  [
    'fault',
    verb(rule, (core, body) => {
      const { times } = body;
      core.faults.add({
        ...defined(body),
        route: body.route,
        fault: defined(body.fault) as Fault,
        times: times === 'forever' ? Number.POSITIVE_INFINITY : (times ?? 1),
      });
    }),
  ],
  ['clear-faults', verb(z.strictObject({}), (core) => core.faults.clear())],
]);

/** The object without its undefined members, which exact optional properties do not admit. */
function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const present = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(present) as { [K in keyof T]: Exclude<T[K], undefined> };
}
