import type { ContractId } from '../ports/ids.ts';
import type { CaddySettings } from './caddy.ts';
import { type CaddyAdmin, messageOf } from './caddy-admin.ts';
import {
  applyKeeping,
  applyPolicy,
  applyRoute,
  httpApp,
  putBelow,
  removeById,
  type StreamsMemory,
} from './caddy-apply.ts';
import {
  endsHere,
  PASSTHROUGH_ID,
  passthrough,
  SITES_ID,
  type Streams,
  sameJson,
  TENANT_POLICY_ID,
  TENANT_SITES_ID,
  tenantPolicy,
  tenantRoute,
} from './caddy-config.ts';
import { GatewayError, type Route } from './port.ts';

/** What came of wishes that only some machines have. */
export interface TenantsMade {
  readonly repaired: readonly string[];
  readonly missing: ReadonlyMap<ContractId, string>;
}

/**
 * Names of tenants' own, and TLS that is passed through. Each in transactions of its own: what Caddy refuses of these costs those who
 * asked for it, and nobody else's name.
 */
export async function applyTenants(
  admin: CaddyAdmin,
  { kind, tenantNames, zone }: CaddySettings,
  streams: StreamsMemory,
  routes: readonly Route[],
  signal: AbortSignal,
): Promise<TenantsMade> {
  const repaired: string[] = [];
  const missing = new Map<ContractId, string>();
  const names = new Map<string, Route>();
  if (tenantNames !== undefined) {
    const granted = await tenantNames.grant(routes, await hostsOfOthers(admin, signal), signal);
    for (const [name, route] of granted.names) names.set(name, route);
    for (const [contract, why] of granted.refused) missing.set(contract, why);
  } else {
    for (const { contract, web } of routes)
      if (web?.names !== undefined) missing.set(contract, 'names of tenants’ own are not allowed here (tenant_names)');
  }
  const here = new Map([...names].filter(([, route]) => endsHere(route)));
  await forThose(here.values(), missing, 'the tenant’s own name is not there', async () => {
    if (await applyKeeping(streams, (how) => applyNames(admin, here, { kind, how }, signal)))
      repaired.push('Caddy: names of tenants’ own');
  });
  const through = new Map([
    ...routes.filter((route) => !endsHere(route)).map((route) => [`${route.slug}.${zone}`, route] as const),
    ...[...names].filter(([, route]) => !endsHere(route)),
  ]);
  const sorted = new Map([...through].sort(([one], [other]) => (one < other ? -1 : 1)));
  await forThose(sorted.values(), missing, 'TLS is not passed through', async () => {
    if (await applyPassthrough(admin, sorted, signal)) repaired.push('Caddy: TLS that machines end themselves');
  });
  return { repaired, missing };
}

async function forThose(
  routes: Iterable<Route>,
  missing: Map<ContractId, string>,
  what: string,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    for (const { contract } of routes) missing.set(contract, `${what}: ${error.message}`);
  }
}

async function applyNames(
  admin: CaddyAdmin,
  names: ReadonlyMap<string, Route>,
  { how, kind }: { readonly how: Streams; readonly kind: CaddySettings['kind'] },
  signal: AbortSignal,
): Promise<boolean> {
  if (names.size === 0) {
    // The route first: without its policy a name would be asked for in another way.
    const route = await removeById(admin, TENANT_SITES_ID, signal);
    return (await removeById(admin, TENANT_POLICY_ID, signal)) || route;
  }
  const policy = await applyPolicy(admin, TENANT_POLICY_ID, tenantPolicy(names, kind), signal);
  return (await applyRoute(admin, TENANT_SITES_ID, tenantRoute(names, how), signal)) || policy;
}

/** At the server that has our names: there comes in what is to be passed on. */
async function applyPassthrough(
  admin: CaddyAdmin,
  names: ReadonlyMap<string, Route>,
  signal: AbortSignal,
): Promise<boolean> {
  const { body } = await admin.read('/config/apps/http', signal);
  const server = httpApp(body).servers.find(({ listens }) => listens);
  if (server === undefined) return false;
  const path = ['apps', 'http', 'servers', server.name, 'listener_wrappers'];
  const at = `/config/${path.join('/')}`;
  const { body: present } = await admin.read(at, signal);
  const isOurs = Array.isArray(present) && idOf(present[0]) === PASSTHROUGH_ID;
  if (names.size === 0) {
    if (!isOurs) return false;
    await admin.change('DELETE', at, undefined, { signal });
    return true;
  }
  const wanted = passthrough(names);
  if (sameJson(present, wanted)) return false;
  if (Array.isArray(present) && !isOurs)
    throw new GatewayError('config', 'its server has listener wrappers of somebody else');
  try {
    if (isOurs) await admin.change('PATCH', at, wanted, { signal });
    else await putBelow(admin, path, wanted, signal);
  } catch (error) {
    if (!(error instanceof GatewayError) || !/caddy\.listeners\.layer4|unknown module/.test(error.message)) throw error;
    throw new GatewayError(
      'config',
      'this Caddy cannot do it: it lacks the module caddy.listeners.layer4; docs/gateway.md tells how one with it is built',
      { cause: error },
    );
  }
  return true;
}

/** Hosts of every route but ours: those are somebody else's sites. */
async function hostsOfOthers(admin: CaddyAdmin, signal: AbortSignal): Promise<string[]> {
  const { status, body } = await admin.read('/config/apps/http/servers', signal);
  if (status !== 200) throw new GatewayError('config', `Caddy does not show its servers: ${messageOf(body)}`);
  const servers = Object.values((body ?? {}) as Record<string, { routes?: unknown }>);
  const routes = servers.flatMap((server) => (Array.isArray(server.routes) ? (server.routes as unknown[]) : []));
  const ours = new Set<unknown>([SITES_ID, TENANT_SITES_ID]);
  return routes.filter((route) => !ours.has(idOf(route))).flatMap(hostsIn);
}

function hostsIn(part: unknown): string[] {
  if (typeof part !== 'object' || part === null) return [];
  return Object.entries(part).flatMap(([key, value]: [string, unknown]) =>
    key === 'host' && Array.isArray(value) ? value.map(String) : hostsIn(value),
  );
}

function idOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && '@id' in value ? value['@id'] : undefined;
}
