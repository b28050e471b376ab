import { z } from 'zod';
import type { SandboxCore } from './core.ts';
import type { Fault } from './faults.ts';

export interface AdminAnswer {
  readonly status: number;
  readonly body: unknown;
}

const PREFIX = '/__admin/';

export function isAdminPath(path: string): boolean {
  return path.startsWith(PREFIX);
}

/**
 * What happens to the host behind the API's back, for other processes: `POST /__admin/<verb>` with a JSON object, or
 * `GET /__admin/machines` for the truth. 200 with JSON, 400 with `{"error"}` for a bad body, 404 for an unknown verb. Works also
 * while the sandbox plays dead.
 */
export function admin(core: SandboxCore, request: { method: string; path: string; body: string }): AdminAnswer {
  const name = request.path.slice(PREFIX.length);
  if (request.method === 'GET' && name === 'machines') return { status: 200, body: machines(core) };
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

function machines(core: SandboxCore): object {
  return [...core.machines.values()].map(({ id, uid, name, node, labels, state, sshPort, authorizedKeys }) => {
    return { id, uid, name, node, labels, state, sshPort, authorizedKeys };
  });
}

type Verb = (core: SandboxCore, given: unknown) => unknown;

function verb<T>(schema: z.ZodType<T>, run: (core: SandboxCore, given: T) => unknown): Verb {
  return (core, given) => run(core, schema.parse(given));
}

const kind = <const K extends string>(...kinds: K[]) => z.enum(kinds);

const fault: z.ZodType<Fault> = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: kind('refuse', 'drop-before', 'drop-after', 'truncate', 'hang', 'hang-before', 'garbage'),
  }),
  z.strictObject({ kind: kind('delay'), ms: z.number().nonnegative(), at: kind('before', 'after').default('after') }),
  z.strictObject({
    kind: kind('status'),
    status: z.literal([429, 500, 503]),
    retryAfterSeconds: z.number().nonnegative().exactOptional(),
    processed: z.literal(true).exactOptional(),
  }),
  z.strictObject({ kind: kind('no-capacity', 'half-create', 'list-partial', 'list-empty', 'list-stale', 'ignore') }),
  z.strictObject({
    kind: kind('flap'),
    state: kind('creating', 'stopped', 'starting', 'running', 'stopping', 'deleting', 'failed'),
  }),
  z.strictObject({ kind: kind('slow-create'), ms: z.number().nonnegative() }),
]);

const rule = z.strictObject({
  call: kind('any', 'about', 'create', 'list', 'get', 'configure', 'start', 'stop', 'delete', 'inventory', 'traffic'),
  machine: z.string().exactOptional(),
  skip: z.number().int().nonnegative().exactOptional(),
  times: z.number().int().positive().exactOptional(),
  fault,
});

const byId = z.strictObject({ id: z.string() });
const byNode = z.strictObject({ node: z.string() });
const labels = z.record(z.string(), z.string());
const nothing = z.strictObject({});

const VERBS: Readonly<Record<string, Verb>> = {
  fault: verb(rule, (core, given) => void core.faults.add(given)),
  'clear-faults': verb(nothing, (core) => core.faults.clear()),
  reachable: verb(z.strictObject({ reachable: z.boolean() }), (core, given) =>
    core.admin.setReachable(given.reachable),
  ),
  'add-foreign': verb(
    z.strictObject({
      id: z.string().exactOptional(),
      name: z.string().exactOptional(),
      labels: labels.exactOptional(),
      running: z.boolean().exactOptional(),
    }),
    (core, given) => ({ id: core.admin.addForeign(given) }),
  ),
  lose: verb(byId, (core, { id }) => core.admin.lose(id)),
  'power-off': verb(byId, (core, { id }) => core.admin.powerOff(id)),
  duplicate: verb(byId, (core, { id }) => ({ id: core.admin.duplicate(id) })),
  'give-id-to-stranger': verb(byId, (core, { id }) => core.admin.giveIdToStranger(id)),
  'set-labels': verb(byId.extend({ labels }), (core, given) => core.admin.setLabels(given.id, given.labels)),
  'add-traffic': verb(
    byId.extend({ bytesIn: z.number().int().nonnegative(), bytesOut: z.number().int().nonnegative() }),
    (core, { id, bytesIn, bytesOut }) => core.admin.addTraffic(id, bytesIn, bytesOut),
  ),
  'lose-node': verb(byNode, (core, { node }) => core.admin.loseNode(node)),
  'return-node': verb(byNode.extend({ rebooted: z.boolean().default(false) }), (core, { node, rebooted }) =>
    core.admin.returnNode(node, { rebooted }),
  ),
};
