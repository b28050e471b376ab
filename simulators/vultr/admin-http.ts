import { z } from 'zod';
import { ADMIN_PREFIX, type AdminAnswer } from '../cloud/http.ts';
import type { VultrCore } from './core.ts';
import type { Fault } from './faults.ts';

/**
 * What happens behind the API's back, for other processes: `POST /__admin/<verb>` with a JSON object, or `GET /__admin/instances`
 * for the truth. 200 with JSON, 400 with `{"error"}` for a bad body, 404 for an unknown verb. Works also while nobody is reachable.
 */
export function admin(core: VultrCore, request: { method: string; path: string; body: string }): AdminAnswer {
  const name = request.path.slice(ADMIN_PREFIX.length);
  if (request.method === 'GET' && name === 'instances') return { status: 200, body: instances(core) };
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

function instances({ account }: VultrCore): object {
  return [...account.instances.values()].map(({ id, label, status, power, server, tags, ipv4, ipv6 }) => {
    return { id, label, status, power, server, tags, ipv4: ipv4 ?? null, ipv6: ipv6 ?? null };
  });
}

type Verb = (core: VultrCore, given: unknown) => unknown;

function verb<T>(schema: z.ZodType<T>, run: (core: VultrCore, given: T) => unknown): Verb {
  return (core, given) => run(core, schema.parse(given));
}

const kind = <const K extends string>(...kinds: K[]) => z.enum(kinds);
const count = z.number().int().nonnegative();

const fault: z.ZodType<Fault> = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: kind('refuse', 'drop-before', 'drop-after', 'truncate', 'hang', 'hang-before', 'garbage', 'accept'),
  }),
  z.strictObject({ kind: kind('delay'), ms: z.number().nonnegative(), at: kind('before', 'after').default('after') }),
  z.strictObject({ kind: kind('html-502'), processed: z.literal(true).exactOptional() }),
  z.strictObject({
    kind: kind('error'),
    status: z.number().int().min(400).max(599),
    message: z.string().exactOptional(),
    processed: z.literal(true).exactOptional(),
  }),
  z.strictObject({ kind: kind('late-tags', 'slow'), ms: z.number().nonnegative() }),
  z.strictObject({ kind: kind('rate-limit', 'stays-pending', 'stays-off', 'list-empty', 'list-stale') }),
]);

const rule = z.strictObject({
  call: z.string(),
  match: z.string().exactOptional(),
  skip: count.exactOptional(),
  times: z.number().int().positive().exactOptional(),
  fault,
});

const tags = z.array(z.string());
const nothing = z.strictObject({});
const byId = z.strictObject({ id: z.string() });

const VERBS: Readonly<Record<string, Verb>> = {
  fault: verb(rule, (core, given) => void core.faults.add(given)),
  'clear-faults': verb(nothing, (core) => core.faults.clear()),
  reachable: verb(z.strictObject({ reachable: z.boolean() }), (core, given) =>
    core.admin.setReachable(given.reachable),
  ),
  'add-foreign': verb(
    z.strictObject({ label: z.string().exactOptional(), tags: tags.exactOptional() }),
    (core, given) => ({
      id: core.admin.addForeign(given),
    }),
  ),
  lose: verb(byId, (core, { id }) => core.admin.lose(id)),
  'power-off': verb(byId, (core, { id }) => core.admin.powerOff(id)),
  'power-on': verb(byId, (core, { id }) => core.admin.powerOn(id)),
  'set-tags': verb(byId.extend({ tags }), (core, given) => core.admin.setTags(given.id, given.tags)),
  'set-server-status': verb(
    byId.extend({ status: kind('none', 'locked', 'installingbooting', 'ok') }),
    (core, { id, status }) => core.admin.setServerStatus(id, status),
  ),
  'set-boots': verb(byId.extend({ boots: z.boolean() }), (core, { id, boots }) => core.admin.setBoots(id, boots)),
  suspend: verb(byId.extend({ suspended: z.boolean() }), (core, { id, suspended }) =>
    core.admin.suspend(id, suspended),
  ),
  'add-traffic': verb(byId.extend({ bytesIn: count, bytesOut: count }), (core, { id, bytesIn, bytesOut }) =>
    core.admin.addTraffic(id, bytesIn, bytesOut),
  ),
  'set-stock': verb(
    z.strictObject({ plan: z.string(), region: z.string(), stock: kind('in-stock', 'sold-out', 'refused') }),
    (core, { plan, region, stock }) => core.admin.setStock(plan, region, stock),
  ),
  'add-snapshot': verb(nothing, (core) => ({ id: core.admin.addSnapshot() })),
  'add-firewall': verb(z.strictObject({ description: z.string() }), (core, { description }) => ({
    id: core.admin.addFirewall(description),
  })),
  'add-block': verb(z.strictObject({ label: z.string() }), (core, { label }) => ({ id: core.admin.addBlock(label) })),
  'add-reserved-ip': verb(z.strictObject({ label: z.string() }), (core, { label }) => ({
    id: core.admin.addReservedIp(label),
  })),
  'set-acls': verb(z.strictObject({ acls: z.array(z.string()) }), (core, { acls }) => core.admin.setAcls(acls)),
  revoke: verb(z.strictObject({ key: z.string() }), (core, { key }) => core.admin.revoke(key)),
  'allow-from': verb(z.strictObject({ addresses: z.array(z.string()).exactOptional() }), (core, { addresses }) =>
    core.admin.allowFrom(addresses),
  ),
};
