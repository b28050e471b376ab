import { z } from 'zod';
import type { Admin } from './admin.ts';
import type { AdminPowers } from './admin-http.ts';
import { Refusal } from './answers.ts';
import type { PlatformCore } from './core.ts';
import type { Fault } from './faults.ts';
import { DEFAULT_SETTINGS, type Quirks, REAL_SERVER } from './options.ts';
import { ROUTES, type RouteName } from './routes/index.ts';
import { ALL_PERMISSIONS } from './routes/setup.ts';
import type { Permission, State } from './state.ts';
import { STATUSES } from './transitions.ts';

/** Takes the request's JSON; returns what to answer, or nothing. Throws ZodError, Refusal or HttpError. */
export type Verb = (body: unknown) => unknown;

/** What `POST /__admin/<verb>` can do. */
export function createVerbs(core: PlatformCore, powers: AdminPowers): ReadonlyMap<string, Verb> {
  return new Map<string, Verb>([
    ...rowVerbs(core.admin),
    ...contractVerbs(core.admin),
    ...faultVerbs(core),
    ...serverVerbs(core, powers),
  ]);
}

function verb<T>(schema: z.ZodType<T>, run: (body: T) => unknown): Verb {
  return (body) => run(schema.parse(body));
}

const payment = z.enum(['pending', 'succeeded', 'refunded', 'failed', 'disputed']);
const permissions = z.array(z.enum(ALL_PERMISSIONS as [Permission, ...Permission[]]));
const rentOrder = z.strictObject({
  offering: z.int(),
  tenant: z.string().optional(),
  sshKey: z.string().optional(),
  hours: z.int().optional(),
  method: z.enum(['test', 'wallet', 'stripe']).optional(),
  payment: payment.optional(),
  operatingSystem: z.string().optional(),
  instanceConfig: z.string().optional(),
});
const poolOrder = z.strictObject({
  provider: z.string(),
  name: z.string().optional(),
  location: z.string().optional(),
  provisionerType: z.string().optional(),
});
const tokenOrder = z.strictObject({
  pool: z.string(),
  label: z.string().optional(),
  expiresInHours: z.int().optional(),
});

/** Everything that comes into being: keys, pools, tokens, agents, offerings, contracts. */
function rowVerbs(admin: Admin): [string, Verb][] {
  return [
    [
      'provider',
      verb(z.strictObject({}), () => {
        const { key, seed } = admin.keyPair();
        return { providerKey: admin.provider({ key }), providerSeed: seed };
      }),
    ],
    ['pool', verb(poolOrder, ({ provider, ...rest }) => ({ pool: admin.pool(provider, defined(rest)).id }))],
    ['token', verb(tokenOrder, ({ pool, ...rest }) => ({ token: admin.token(pool, defined(rest)) }))],
    ['register', verb(z.strictObject({ token: z.string(), key: z.string() }), (b) => admin.register(b.token, b.key))],
    [
      'offering',
      verb(z.strictObject({ provider: z.string(), columns: z.record(z.string(), z.unknown()).optional() }), (body) => ({
        offering: admin.offering(body.provider, body.columns ?? {}).id,
      })),
    ],
    [
      'rent',
      verb(rentOrder, (body) => {
        const fresh = admin.keyPair();
        const { id, tenant } = admin.rent({ tenant: fresh.key, ...defined(body) });
        return { contractId: id, tenantKey: tenant, ...(body.tenant === undefined ? { tenantSeed: fresh.seed } : {}) };
      }),
    ],
    ['revoke', verb(z.strictObject({ key: z.string() }), (body) => admin.revoke(body.key))],
    [
      'set-permissions',
      verb(z.strictObject({ key: z.string(), permissions }), (b) => admin.setPermissions(b.key, b.permissions)),
    ],
    ['verify-email', verb(z.strictObject({ key: z.string() }), (body) => admin.verifyEmail(body.key))],
    ['credit', verb(z.strictObject({ key: z.string(), amountE9s: z.int() }), (b) => admin.credit(b.key, b.amountE9s))],
  ];
}

const contract = z.strictObject({ contract: z.string() });

/** Everything that happens to a contract. */
function contractVerbs(admin: Admin): [string, Verb][] {
  return [
    ['cancel', verb(contract.extend({ memo: z.string().optional() }), (b) => admin.cancel(b.contract, b.memo))],
    ['extend', verb(contract.extend({ hours: z.int() }), (body) => admin.extend(body.contract, body.hours))],
    ['reset-password', verb(contract, (body) => admin.resetPassword(body.contract))],
    ['rotate-key', verb(contract.extend({ sshKey: z.string() }), (b) => admin.rotateKey(b.contract, b.sshKey))],
    ['accept', verb(contract, (body) => admin.respond(body.contract, 'accept'))],
    ['reject', verb(contract, (body) => admin.respond(body.contract, 'reject'))],
    ['pause', verb(contract.extend({ reason: z.string().optional() }), (b) => admin.pause(b.contract, b.reason))],
    ['resume', verb(contract, (body) => admin.resume(body.contract))],
    ['lose-dispute', verb(contract, (body) => admin.loseDispute(body.contract))],
    ['expire', verb(contract, (body) => admin.expire(body.contract))],
    ['forget', verb(contract, (body) => admin.forget(body.contract))],
    ['set-end', verb(contract.extend({ at: z.int() }), (body) => admin.setEnd(body.contract, body.at))],
    ['set-payment', verb(contract.extend({ payment }), (body) => admin.setPayment(body.contract, body.payment))],
    ['set-status', verb(contract.extend({ status: z.enum(STATUSES) }), (b) => admin.setStatus(b.contract, b.status))],
  ];
}

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

const routeNames = ROUTES.map((route) => route.name) as [RouteName, ...RouteName[]];
const rule = z.strictObject({
  route: z.enum(['*', ...routeNames]),
  match: z.string().optional(),
  skip: z.int().nonnegative().optional(),
  /** JSON has no infinity. */
  times: z.union([z.int().positive(), z.literal('forever')]).optional(),
  fault,
});

function faultVerbs(core: PlatformCore): [string, Verb][] {
  return [
    [
      'fault',
      verb(rule, ({ times = 1, ...rest }) => {
        core.faults.add({
          ...defined(rest),
          fault: defined(rest.fault) as Fault,
          times: times === 'forever' ? Number.POSITIVE_INFINITY : times,
        });
        return { pending: core.faults.pending() };
      }),
    ],
    ['clear-faults', verb(z.strictObject({}), () => core.faults.clear())],
  ];
}

const quirks = z.partialRecord(z.enum(Object.keys(REAL_SERVER) as [keyof Quirks]), z.boolean());
const settings = z.strictObject(
  Object.fromEntries(Object.entries(DEFAULT_SETTINGS).map(([name, value]) => [name, settingLike(value).optional()])),
);

function settingLike(value: unknown): z.ZodType {
  if (typeof value === 'number') return z.number().nonnegative();
  return typeof value === 'boolean' ? z.boolean() : z.string();
}

/** Everything that only the server's operator can do, and time. */
function serverVerbs(core: PlatformCore, powers: AdminPowers): [string, Verb][] {
  const backups = new Map<string, State>();
  const named = z.strictObject({ name: z.string().default('last') });
  return [
    [
      'advance',
      verb(z.strictObject({ ms: z.number().positive() }), ({ ms }) => {
        if (!powers.advance) throw new Refusal('The clock of this simulator cannot be moved');
        powers.advance(ms);
        core.tick();
        return { now: new Date(core.clock.now()).toISOString() };
      }),
    ],
    ['quirks', verb(quirks, (body) => Object.assign(core.quirks, body))],
    ['settings', verb(settings, (body) => Object.assign(core.settings, defined(body)))],
    ['backup', verb(named, ({ name }) => void backups.set(name, core.backup()))],
    [
      'restore',
      verb(named, ({ name }) => {
        const backup = backups.get(name);
        if (!backup) throw new Refusal(`No backup "${name}"`);
        core.restore(backup);
      }),
    ],
  ];
}

/** The object without its undefined members, which exact optional properties do not admit. */
function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const present = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(present) as { [K in keyof T]: Exclude<T[K], undefined> };
}
