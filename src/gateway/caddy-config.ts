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

/** Where a machine's web server listens when nobody says otherwise. */
const WEB_PORT = 80;

/**
 * One route of Caddy's for all machines below a zone. Its own match is the wildcard: Caddy would get a certificate for every host that a
 * top-level route names, and the wildcard's serves them all. A name without a machine is answered here, and by nobody else's site.
 */
export function sitesRoute(zone: string, routes: readonly Route[]): object {
  return {
    '@id': SITES_ID,
    match: [{ host: [`*.${zone}`] }],
    handle: [
      {
        handler: 'subroute',
        routes: [
          ...routes.map((route) => siteOf(zone, route)),
          { handle: [{ handler: 'static_response', status_code: 404, body: 'There is no machine of this name.\n' }] },
        ],
      },
    ],
    terminal: true,
  };
}

/** WebSocket and HTTP/2 come with `reverse_proxy`; so do X-Forwarded-For, -Proto and -Host. */
function siteOf(zone: string, { slug, machine }: Route): object {
  return {
    match: [{ host: [`${slug}.${zone}`] }],
    handle: [{ handler: 'reverse_proxy', upstreams: [{ dial: `${machine.ipv4}:${machine.webPort ?? WEB_PORT}` }] }],
    terminal: true,
  };
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
