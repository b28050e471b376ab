import type { CaddySettings } from './caddy.ts';
import { type CaddyAdmin, messageOf } from './caddy-admin.ts';
import {
  certificatePolicy,
  ownServer,
  POLICY_ID,
  SITES_ID,
  type Streams,
  sameJson,
  sitesRoute,
} from './caddy-config.ts';
import { GatewayError, type Route } from './port.ts';

/** Makes our route and our certificate policy so. Says in words what was not as it should be. */
export async function applySites(
  admin: CaddyAdmin,
  { zone, certificates: have }: CaddySettings,
  routes: readonly Route[],
  streams: StreamsMemory,
  signal: AbortSignal,
): Promise<string[]> {
  const certificates = await have();
  const repaired: string[] = [];
  if (certificates.kind === 'internal') await keepOutOfTrustStore(admin, signal);
  // The policy first: a name without one would be asked for at Caddy's default authority.
  if (await applyPolicy(admin, POLICY_ID, certificatePolicy(zone, certificates), signal))
    repaired.push('the certificate policy');
  const route = (how: Streams): object => sitesRoute(zone, sorted(routes), how);
  if (await applyKeeping(streams, (how) => applyRoute(admin, SITES_ID, route(how), signal)))
    repaired.push('the names of machines');
  return repaired.map((what) => `Caddy: ${what}`);
}

/** What this Caddy was seen to be able to; it is tried again by the next process. */
export interface StreamsMemory {
  how: Streams;
}

/** Does it in the better way, and in the other one where this Caddy does not know the word for it. */
export async function applyKeeping<Result>(
  memory: StreamsMemory,
  work: (how: Streams) => Promise<Result>,
): Promise<Result> {
  try {
    return await work(memory.how);
  } catch (error) {
    if (memory.how === 'cut' || !(error instanceof GatewayError) || !error.message.includes('stream_close_delay'))
      throw error;
    memory.how = 'cut';
    return work('cut');
  }
}

/** Caddy would make the whole host trust its own authority, which nobody has asked for. */
async function keepOutOfTrustStore(admin: CaddyAdmin, signal: AbortSignal): Promise<void> {
  const path = ['apps', 'pki', 'certificate_authorities', 'local', 'install_trust'];
  const { body } = await admin.read(`/config/${path.join('/')}`, signal);
  if (typeof body !== 'boolean') await putBelow(admin, path, false, signal);
}

/** The ledger gives no order, and a comparison needs one. */
function sorted(routes: readonly Route[]): readonly Route[] {
  return [...routes].sort((one, other) => (one.slug < other.slug ? -1 : 1));
}

export async function applyPolicy(
  admin: CaddyAdmin,
  id: string,
  policy: object,
  signal: AbortSignal,
): Promise<boolean> {
  const found = await findById(admin, id, signal);
  if (found !== undefined) {
    if (sameJson(found.value, policy)) return false;
    await admin.change('PATCH', `/id/${id}`, policy, { signal, ...found.condition });
    return true;
  }
  const policies = await admin.read('/config/apps/tls/automation/policies', signal);
  if (Array.isArray(policies.body)) {
    // At the front, because the first policy that matches a name serves it.
    await admin.change('PUT', '/config/apps/tls/automation/policies/0', policy, { signal });
  } else await putBelow(admin, ['apps', 'tls', 'automation', 'policies'], [policy], signal);
  return true;
}

export async function applyRoute(admin: CaddyAdmin, id: string, route: object, signal: AbortSignal): Promise<boolean> {
  const found = await findById(admin, id, signal);
  if (found !== undefined) {
    if (sameJson(found.value, route)) return false;
    await admin.change('PATCH', `/id/${id}`, route, { signal, ...found.condition });
    return true;
  }
  const http = httpApp((await admin.read('/config/apps/http', signal)).body);
  const other = http.servers.find(({ listens }) => listens);
  const servers = ['apps', 'http', 'servers'];
  if (other === undefined) await putBelow(admin, [...servers, OWN_SERVER], ownServer(http.port, route), signal);
  else if (other.hasRoutes)
    await admin.change('PUT', `/config/apps/http/servers/${other.name}/routes/0`, route, { signal });
  else await putBelow(admin, [...servers, other.name, 'routes'], [route], signal);
  return true;
}

export async function removeById(admin: CaddyAdmin, id: string, signal: AbortSignal): Promise<boolean> {
  const found = await findById(admin, id, signal);
  if (found === undefined) return false;
  await admin.change('DELETE', `/id/${id}`, undefined, { signal, ...found.condition });
  return true;
}

const OWN_SERVER = 'dc_agent';

interface HttpApp {
  /** The port for HTTPS. */
  readonly port: number;
  readonly servers: readonly { readonly name: string; readonly listens: boolean; readonly hasRoutes: boolean }[];
}

/** Two servers cannot listen at one address, so where somebody already serves HTTPS our route goes there, in front of theirs. */
export function httpApp(app: unknown): HttpApp {
  const { https_port: given, servers } = (app ?? {}) as { https_port?: unknown; servers?: unknown };
  const port = typeof given === 'number' ? given : 443;
  return {
    port,
    servers: Object.entries((servers ?? {}) as Record<string, { listen?: unknown; routes?: unknown }>).map(
      ([name, { listen, routes }]) => ({
        name,
        listens:
          Array.isArray(listen) &&
          listen.some((address) => typeof address === 'string' && address.endsWith(`:${port}`)),
        hasRoutes: Array.isArray(routes),
      }),
    ),
  };
}

/** Creates a value and whatever is missing above it: Caddy creates only the last part of a path by itself. */
export async function putBelow(
  admin: CaddyAdmin,
  path: readonly string[],
  value: unknown,
  signal: AbortSignal,
): Promise<void> {
  let { body: there } = await admin.read('/config/', signal);
  let depth = 0;
  for (const key of path) {
    const next = typeof there === 'object' && there !== null ? (there as Record<string, unknown>)[key] : undefined;
    if (next === undefined || next === null) break;
    there = next;
    depth++;
  }
  // A Caddy that was never configured has no root either.
  const at = typeof there === 'object' && there !== null ? Math.min(depth + 1, path.length) : depth;
  const missing = path.slice(at).reduceRight((inner: unknown, key) => ({ [key]: inner }), value);
  await admin.change('POST', `/config/${path.slice(0, at).join('/')}`, missing, { signal });
}

interface Found {
  readonly value: unknown;
  readonly condition: { readonly ifMatch?: string };
}

async function findById(admin: CaddyAdmin, id: string, signal: AbortSignal): Promise<Found | undefined> {
  const { status, body, etag } = await admin.read(`/id/${id}`, signal);
  if (status === 200) return { value: body, condition: etag === undefined ? {} : { ifMatch: etag } };
  if (status === 404 || /unknown object ID/i.test(messageOf(body))) return undefined;
  throw new GatewayError('config', `Caddy does not show ${id} (status ${status}): ${messageOf(body)}`);
}
