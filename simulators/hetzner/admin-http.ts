import { z } from 'zod';
import { ADMIN_PREFIX, type AdminAnswer } from '../cloud/http.ts';
import { ERROR_CODES } from './api.ts';
import type { HetznerCore } from './core.ts';
import type { Fault } from './faults.ts';

/**
 * What happens behind the API's back, for other processes: `POST /__admin/<verb>` with a JSON object, or `GET /__admin/servers`
 * for the truth. 200 with JSON, 400 with `{"error"}` for a bad body, 404 for an unknown verb. Works also while nobody is reachable.
 */
export function admin(core: HetznerCore, request: { method: string; path: string; body: string }): AdminAnswer {
  const name = request.path.slice(ADMIN_PREFIX.length);
  if (request.method === 'GET' && name === 'servers') return { status: 200, body: servers(core) };
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

function servers({ project }: HetznerCore): object {
  return [...project.servers.values()].map(({ id, name, status, labels, ipv4, ipv6 }) => {
    const address = (ip: number | undefined): string | null => project.primaryIps.get(ip ?? 0)?.ip ?? null;
    return { id, name, status, labels, ipv4: address(ipv4), ipv6: address(ipv6) };
  });
}

type Verb = (core: HetznerCore, given: unknown) => unknown;

function verb<T>(schema: z.ZodType<T>, run: (core: HetznerCore, given: T) => unknown): Verb {
  return (core, given) => run(core, schema.parse(given));
}

const kind = <const K extends string>(...kinds: K[]) => z.enum(kinds);
const command = z.string().exactOptional();
const count = z.number().int().nonnegative();

const fault: z.ZodType<Fault> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: kind('refuse', 'drop-before', 'drop-after', 'truncate', 'hang', 'hang-before', 'garbage') }),
  z.strictObject({ kind: kind('delay'), ms: z.number().nonnegative(), at: kind('before', 'after').default('after') }),
  z.strictObject({ kind: kind('html-502'), processed: z.literal(true).exactOptional() }),
  z.strictObject({
    kind: kind('error'),
    code: z.enum(ERROR_CODES),
    message: z.string().exactOptional(),
    processed: z.literal(true).exactOptional(),
  }),
  z.strictObject({ kind: kind('rate-limit', 'stays-off', 'list-empty', 'list-stale') }),
  z.strictObject({
    kind: kind('fail-action'),
    command,
    code: z.string().exactOptional(),
    message: z.string().exactOptional(),
  }),
  z.strictObject({ kind: kind('slow'), command, ms: z.number().nonnegative() }),
  z.strictObject({ kind: kind('forget-action'), command }),
]);

const rule = z.strictObject({
  call: z.string(),
  match: z.string().exactOptional(),
  skip: count.exactOptional(),
  times: z.number().int().positive().exactOptional(),
  fault,
});

const labels = z.record(z.string(), z.string());
const nothing = z.strictObject({});
const byId = z.strictObject({ id: z.number() });

const VERBS: Readonly<Record<string, Verb>> = {
  fault: verb(rule, (core, given) => void core.faults.add(given)),
  'clear-faults': verb(nothing, (core) => core.faults.clear()),
  reachable: verb(z.strictObject({ reachable: z.boolean() }), (core, given) =>
    core.admin.setReachable(given.reachable),
  ),
  'add-foreign': verb(
    z.strictObject({
      name: z.string().exactOptional(),
      labels: labels.exactOptional(),
      running: z.boolean().exactOptional(),
    }),
    (core, given) => ({ id: core.admin.addForeign(given) }),
  ),
  lose: verb(byId, (core, { id }) => core.admin.lose(id)),
  'power-off': verb(byId, (core, { id }) => core.admin.powerOff(id)),
  'power-on': verb(byId, (core, { id }) => core.admin.powerOn(id)),
  'set-labels': verb(byId.extend({ labels }), (core, given) => core.admin.setLabels(given.id, given.labels)),
  'set-guest': verb(
    byId.extend({
      agent: z.boolean().exactOptional(),
      acpi: z.boolean().exactOptional(),
      boots: z.boolean().exactOptional(),
    }),
    (core, { id, ...guest }) => core.admin.setGuest(id, guest),
  ),
  lock: verb(byId.extend({ ms: count }), (core, { id, ms }) => core.admin.lock(id, ms)),
  block: verb(byId.extend({ blocked: z.boolean() }), (core, { id, blocked }) => core.admin.block(id, blocked)),
  'add-traffic': verb(byId.extend({ bytesIn: count, bytesOut: count }), (core, { id, bytesIn, bytesOut }) =>
    core.admin.addTraffic(id, bytesIn, bytesOut),
  ),
  'know-traffic': verb(byId.extend({ known: z.boolean() }), (core, { id, known }) => core.admin.knowTraffic(id, known)),
  'set-stock': verb(
    z.strictObject({ type: z.string(), location: z.string(), stock: kind('in-stock', 'sold-out', 'refused') }),
    (core, { type, location, stock }) => core.admin.setStock(type, location, stock),
  ),
  'set-limits': verb(
    z.strictObject({
      servers: count.exactOptional(),
      primaryIps: count.exactOptional(),
      volumes: count.exactOptional(),
      firewalls: count.exactOptional(),
      sshKeys: count.exactOptional(),
      snapshots: count.exactOptional(),
    }),
    (core, limits) => core.admin.setLimits(limits),
  ),
  'spend-requests': verb(z.strictObject({ count }), (core, given) => core.admin.spendRequests(given.count)),
  revoke: verb(z.strictObject({ token: z.string() }), (core, { token }) => core.admin.revoke(token)),
  'make-read-only': verb(z.strictObject({ token: z.string() }), (core, { token }) => core.admin.makeReadOnly(token)),
};
