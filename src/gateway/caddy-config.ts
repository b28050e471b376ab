import type { Route } from './port.ts';

/** How the certificate for the names of machines is had. */
export type Certificates =
  /** One wildcard certificate, proved by DNS through this host's own acme-dns account. Needs Caddy with the module dns.providers.acmedns. */
  | { readonly kind: 'acme-dns'; readonly account: AcmeDnsCredentials; readonly directory?: string }
  /** Caddy's own authority: for trying things out, no browser trusts it. */
  | { readonly kind: 'internal' };

export interface AcmeDnsCredentials {
  readonly serverUrl: string;
  readonly username: string;
  readonly password: string;
  readonly subdomain: string;
}

/** `@id` of our route and of our certificate policy: by these they are found, whatever stands around them. */
export const SITES_ID = 'dc-agent-sites';
export const POLICY_ID = 'dc-agent-certificates';

/** The same for names of tenants' own, and for TLS that their machines end themselves. */
export const TENANT_SITES_ID = 'dc-agent-tenant-sites';
export const TENANT_POLICY_ID = 'dc-agent-tenant-certificates';
export const PASSTHROUGH_ID = 'dc-agent-passthrough';

/**
 * One route of Caddy's for all machines below a zone. Its own match is the wildcard: Caddy would get a certificate for every host that a
 * top-level route names, and the wildcard's serves them all. A name without a machine is answered here, and by nobody else's site.
 */
export function sitesRoute(zone: string, routes: readonly Route[], streams: Streams): object {
  return {
    '@id': SITES_ID,
    match: [{ host: [`*.${zone}`] }],
    handle: [
      {
        handler: 'subroute',
        routes: [
          ...routes.filter(endsHere).map((route) => siteOf(`${route.slug}.${zone}`, route, streams)),
          { handle: [{ handler: 'static_response', status_code: 404, body: 'There is no machine of this name.\n' }] },
        ],
      },
    ],
    terminal: true,
  };
}

/** WebSocket and HTTP/2 come with `reverse_proxy`; so do X-Forwarded-For, -Proto and -Host. */
function siteOf(host: string, route: Route, streams: Streams): object {
  return {
    match: [{ host: [host] }],
    handle: [
      {
        handler: 'reverse_proxy',
        upstreams: [{ dial: webAddress(route) }],
        ...(streams === 'kept' ? { stream_close_delay: STREAMS_LAST } : {}),
      },
    ],
    terminal: true,
  };
}

/**
 * What becomes of WebSockets when the configuration changes, which it does with each machine that comes or goes. Caddy 2.7 can keep them for
 * a while; before, it cuts all of them.
 */
export type Streams = 'kept' | 'cut';
const STREAMS_LAST = '24h';

/** Whether TLS ends in this host's Caddy. */
export function endsHere({ web }: Route): boolean {
  return web?.tls !== 'machine';
}

function webAddress({ machine, web }: Route): string {
  return `${machine.ipv4}:${web?.port ?? (web?.tls === 'machine' ? 443 : 80)}`;
}

/** Names of tenants' own, at the top: so Caddy gets a certificate for each by itself. */
export function tenantRoute(names: ReadonlyMap<string, Route>, streams: Streams): object {
  return {
    '@id': TENANT_SITES_ID,
    match: [{ host: [...names.keys()] }],
    handle: [{ handler: 'subroute', routes: [...names].map(([name, route]) => siteOf(name, route, streams)) }],
    terminal: true,
  };
}

/** Proved by what comes in at this host's ports 80 and 443, since nobody else's DNS is ours to change. */
export function tenantPolicy(names: ReadonlyMap<string, Route>, kind: Certificates['kind']): object {
  return {
    '@id': TENANT_POLICY_ID,
    subjects: [...names.keys()],
    issuers: [{ module: kind === 'internal' ? 'internal' : 'acme' }],
  };
}

/** In front of Caddy's own TLS: a greeting with one of these names goes on to its machine as it is, all others come through. */
export function passthrough(names: ReadonlyMap<string, Route>): readonly object[] {
  const routes = [...names].map(([name, route]) => ({
    match: [{ tls: { sni: [name] } }],
    handle: [{ handler: 'proxy', upstreams: [{ dial: [webAddress(route)] }] }],
  }));
  return [{ '@id': PASSTHROUGH_ID, wrapper: 'layer4', routes }, { wrapper: 'tls' }];
}

/** For the wildcard alone: the platform keeps one challenge at a time, so wildcard and apex cannot be proved in one order. */
export function certificatePolicy(zone: string, certificates: Certificates): object {
  return { '@id': POLICY_ID, subjects: [`*.${zone}`], issuers: [issuerOf(certificates)] };
}

function issuerOf(certificates: Certificates): object {
  if (certificates.kind === 'internal') return { module: 'internal' };
  const { serverUrl, username, password, subdomain } = certificates.account;
  return {
    module: 'acme',
    ...(certificates.directory === undefined ? {} : { ca: certificates.directory }),
    challenges: {
      dns: { provider: { name: 'acmedns', server_url: serverUrl, username, password, subdomain } },
    },
  };
}

/** The server of ours, where no other one listens for HTTPS. Caddy adds the way from port 80 by itself. */
export function ownServer(port: number, route: object): object {
  return { listen: [`:${port}`], routes: [route] };
}

/** Equal as JSON, whatever the order of keys. */
export function sameJson(one: unknown, other: unknown): boolean {
  return canonical(one) === canonical(other);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
