import { z } from 'zod';
import { ADMIN_PREFIX, type AdminAnswer } from '../cloud/http.ts';
import { ERROR_IDS } from './api.ts';
import type { DoCore } from './core.ts';
import type { Fault } from './faults.ts';

/**
 * What happens behind the API's back, for other processes: `POST /__admin/<verb>` with a JSON object, or `GET /__admin/droplets`
 * for the truth. 200 with JSON, 400 with `{"error"}` for a bad body, 404 for an unknown verb. Works also while nobody is reachable.
 */
export function admin(core: DoCore, request: { method: string; path: string; body: string }): AdminAnswer {
  const name = request.path.slice(ADMIN_PREFIX.length);
  if (request.method === 'GET' && name === 'droplets') return { status: 200, body: droplets(core) };
  const verb = request.method === 'POST' && Object.hasOwn(VERBS, name) ? VERBS[name] : undefined;
  if (!verb) {
    return { status: 404, body: { error: `Unknown verb "${name}". Known: ${Object.keys(VERBS).join(', ')}` } };
  }
  try {
    return { status: 200, body: verb(core, request.body === '' ? {} : JSON.parse(request.body)) ?? { done: true } };
  } catch (error) {
    // A mistake of the caller or an id that does not exist; the core has no other errors.
    const problem = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    return { status: 400, body: { error: problem } };
  }
}

function droplets({ account }: DoCore): object {
  return [...account.droplets.values()].map(({ id, name, status, tags, ipv4, ipv6 }) => ({
    id,
    name,
    status,
    tags,
    ipv4: ipv4 ?? null,
    ipv6: ipv6 ?? null,
  }));
}

type Verb = (core: DoCore, given: unknown) => unknown;

function verb<T>(schema: z.ZodType<T>, run: (core: DoCore, given: T) => unknown): Verb {
  return (core, given) => run(core, schema.parse(given));
}

const kind = <const K extends string>(...kinds: K[]) => z.enum(kinds);
const count = z.number().int().nonnegative();

const fault: z.ZodType<Fault> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: kind('refuse', 'drop-before', 'drop-after', 'truncate', 'hang', 'hang-before', 'garbage') }),
  z.strictObject({ kind: kind('delay'), ms: z.number().nonnegative(), at: kind('before', 'after').default('after') }),
  z.strictObject({ kind: kind('html-502'), processed: z.literal(true).exactOptional() }),
  z.strictObject({
    kind: kind('error'),
    id: z.enum(ERROR_IDS),
    message: z.string().exactOptional(),
    processed: z.literal(true).exactOptional(),
  }),
  z.strictObject({ kind: kind('rate-limit'), retryAfterS: count.exactOptional() }),
  z.strictObject({
    kind: kind('fail-action', 'forget-action', 'stays-off', 'no-tags', 'list-empty', 'list-stale'),
  }),
  z.strictObject({ kind: kind('slow'), ms: z.number().nonnegative() }),
]);

const rule = z.strictObject({
  call: z.string(),
  match: z.string().exactOptional(),
  skip: count.exactOptional(),
  times: z.number().int().positive().exactOptional(),
  fault,
});

const nothing = z.strictObject({});
const byId = z.strictObject({ id: z.number() });
const tags = z.array(z.string());

const VERBS: Readonly<Record<string, Verb>> = {
  fault: verb(rule, (core, given) => void core.faults.add(given)),
  'clear-faults': verb(nothing, (core) => core.faults.clear()),
  reachable: verb(z.strictObject({ reachable: z.boolean() }), (core, given) =>
    core.admin.setReachable(given.reachable),
  ),
  'add-foreign': verb(
    z.strictObject({ name: z.string().exactOptional(), tags: tags.exactOptional() }),
    (core, given) => ({
      id: core.admin.addForeign(given),
    }),
  ),
  lose: verb(byId, (core, { id }) => core.admin.lose(id)),
  'power-off': verb(byId, (core, { id }) => core.admin.powerOff(id)),
  'power-on': verb(byId, (core, { id }) => core.admin.powerOn(id)),
  'set-tags': verb(byId.extend({ tags }), (core, given) => core.admin.setTags(given.id, given.tags)),
  'set-guest': verb(
    byId.extend({ acpi: z.boolean().exactOptional(), boots: z.boolean().exactOptional() }),
    (core, { id, ...guest }) => core.admin.setGuest(id, guest),
  ),
  lock: verb(byId.extend({ ms: count }), (core, { id, ms }) => core.admin.lock(id, ms)),
  'set-stock': verb(
    z.strictObject({ size: z.string(), region: z.string(), stock: kind('in-stock', 'sold-out', 'refused') }),
    (core, { size, region, stock }) => core.admin.setStock(size, region, stock),
  ),
  'set-droplet-limit': verb(z.strictObject({ limit: count }), (core, { limit }) => core.admin.setDropletLimit(limit)),
  'set-account-status': verb(z.strictObject({ status: kind('active', 'warning', 'locked') }), (core, { status }) =>
    core.admin.setAccountStatus(status),
  ),
  'add-firewall': verb(z.strictObject({ name: z.string(), tags }), (core, given) => ({
    id: core.admin.addFirewall(given.name, given.tags),
  })),
  'add-vpc': verb(z.strictObject({ region: z.string() }), (core, given) => ({ id: core.admin.addVpc(given.region) })),
  'add-thing': verb(z.strictObject({ kind: kind('volume', 'snapshot'), tags }), (core, given) => ({
    id: core.admin.addThing(given.kind, given.tags),
  })),
  'spend-requests': verb(z.strictObject({ count }), (core, given) => core.admin.spendRequests(given.count)),
  revoke: verb(z.strictObject({ token: z.string() }), (core, { token }) => core.admin.revoke(token)),
  'make-read-only': verb(z.strictObject({ token: z.string() }), (core, { token }) => core.admin.makeReadOnly(token)),
};
