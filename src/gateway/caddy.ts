import { systemClock } from '../ports/clock.ts';
import type { Finding } from '../provisioner/contract.ts';
import { type CaddyAdmin, caddyAdmin, messageOf } from './caddy-admin.ts';
import {
  type Certificates,
  certificatePolicy,
  ownServer,
  POLICY_ID,
  SITES_ID,
  sameJson,
  sitesRoute,
} from './caddy-config.ts';
import { certificateFor, type Shown } from './certificate.ts';
import { type Gateway, GatewayError, type Route } from './port.ts';

export interface CaddySettings {
  readonly adminSocket: string;
  /** `<dc_id>.<gw_prefix>.<domain>`: machines are `<slug>.` below it. */
  readonly zone: string;
  readonly certificates: Certificates;
}

/**
 * Adds HTTPS by name to a gateway: one route and one certificate policy of ours in Caddy's configuration, found by `@id`, each changed
 * as a whole in one transaction. Nothing else of that configuration is touched, no file is edited, nothing is reloaded. Whatever is
 * wrong with Caddy leaves ports as they are: it is told as missing names, and tried again with the next `apply`.
 */
export function withCaddy(
  gateway: Gateway,
  settings: CaddySettings,
  admin = caddyAdmin(settings.adminSocket),
): Gateway {
  return {
    ...gateway,
    nameOf: ({ slug }) => `${slug}.${settings.zone}`,

    async apply(routes, signal) {
      const applied = await gateway.apply(routes, signal);
      const open = routes.filter((route) => !applied.refused.has(route.contract));
      try {
        const repaired = await applySites(admin, settings, open, signal);
        const missing = await withoutCertificate(admin, settings, open, signal);
        return {
          ...applied,
          repaired: [...applied.repaired, ...repaired],
          missing: new Map([...applied.missing, ...missing]),
        };
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error;
        const missing = new Map(applied.missing);
        for (const { contract } of open) missing.set(contract, `no name yet: ${error.message}`);
        return { ...applied, missing };
      }
    },

    async check(signal) {
      return [...(await gateway.check(signal)), ...(await caddyFindings(admin, settings, signal))];
    },

    async close() {
      await admin.close();
      await gateway.close();
    },
  };
}

/** Says in words what was not as it should be. */
async function applySites(
  admin: CaddyAdmin,
  { zone, certificates }: CaddySettings,
  routes: readonly Route[],
  signal: AbortSignal,
): Promise<string[]> {
  const repaired: string[] = [];
  if (certificates.kind === 'internal') await keepOutOfTrustStore(admin, signal);
  // The policy first: a name without one would be asked for at Caddy's default authority.
  if (await applyPolicy(admin, certificatePolicy(zone, certificates), signal)) repaired.push('the certificate policy');
  if (await applyRoute(admin, sitesRoute(zone, sorted(routes)), signal)) repaired.push('the names of machines');
  return repaired.map((what) => `Caddy: ${what}`);
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

async function applyPolicy(admin: CaddyAdmin, policy: object, signal: AbortSignal): Promise<boolean> {
  const found = await findById(admin, POLICY_ID, signal);
  if (found !== undefined) {
    if (sameJson(found.value, policy)) return false;
    await admin.change('PATCH', `/id/${POLICY_ID}`, policy, { signal, ...found.condition });
    return true;
  }
  const policies = await admin.read('/config/apps/tls/automation/policies', signal);
  if (Array.isArray(policies.body)) {
    // At the front, because the first policy that matches a name serves it.
    await admin.change('PUT', '/config/apps/tls/automation/policies/0', policy, { signal });
  } else await putBelow(admin, ['apps', 'tls', 'automation', 'policies'], [policy], signal);
  return true;
}

async function applyRoute(admin: CaddyAdmin, route: object, signal: AbortSignal): Promise<boolean> {
  const found = await findById(admin, SITES_ID, signal);
  if (found !== undefined) {
    if (sameJson(found.value, route)) return false;
    await admin.change('PATCH', `/id/${SITES_ID}`, route, { signal, ...found.condition });
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

const OWN_SERVER = 'dc_agent';

interface HttpApp {
  /** The port for HTTPS. */
  readonly port: number;
  readonly servers: readonly { readonly name: string; readonly listens: boolean; readonly hasRoutes: boolean }[];
}

/** Two servers cannot listen at one address, so where somebody already serves HTTPS our route goes there, in front of theirs. */
function httpApp(app: unknown): HttpApp {
  const { https_port: given, servers } = (app ?? {}) as { https_port?: unknown; servers?: unknown };
  const port = typeof given === 'number' ? given : 443;
  return {
    port,
    servers: Object.entries((servers ?? {}) as Record<string, { listen?: unknown; routes?: unknown }>).map(
      ([name, { listen, routes }]) => ({
        name,
        listens: Array.isArray(listen) && listen.some((address) => String(address).endsWith(`:${port}`)),
        hasRoutes: Array.isArray(routes),
      }),
    ),
  };
}

/** Creates a value and whatever is missing above it: Caddy creates only the last part of a path by itself. */
async function putBelow(
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

/** One handshake stands for all: they share the wildcard's certificate. */
async function withoutCertificate(
  admin: CaddyAdmin,
  { zone }: CaddySettings,
  routes: readonly Route[],
  signal: AbortSignal,
): Promise<Map<Route['contract'], string>> {
  const [first] = routes;
  if (first === undefined) return new Map();
  const { port } = httpApp((await admin.read('/config/apps/http', signal)).body);
  const shown = await certificateFor(`${first.slug}.${zone}`, port, signal);
  if (shown.state === 'shown') return new Map();
  return new Map(routes.map(({ contract }) => [contract, `HTTPS is not ready: ${shown.why}`]));
}

/** Caddy renews when a third of the time is left, so less than that is a renewal that fails. */
const RENEWAL_OVERDUE_MS = 20 * 86_400_000;

async function caddyFindings(
  admin: CaddyAdmin,
  { adminSocket, zone, certificates }: CaddySettings,
  signal: AbortSignal,
): Promise<Finding[]> {
  try {
    const { status, body } = await admin.read('/config/apps/http', signal);
    if (status !== 200) {
      return [
        {
          level: 'fail',
          code: 'gateway.caddy.refused',
          title: `Caddy refuses us (status ${status}): ${messageOf(body)}`,
          remedy: 'Let "admin.origins" in its configuration list "localhost"; dc-agent setup gateway does that.',
        },
      ];
    }
    const shown = await certificateFor(`any.${zone}`, httpApp(body).port, signal);
    return [
      { level: 'pass', code: 'gateway.caddy', title: 'Caddy answers, and takes names and certificates.' },
      certificateFinding(shown, zone, certificates),
    ];
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return [
      {
        level: 'fail',
        code: 'gateway.caddy.unreachable',
        title: error.message,
        remedy: `Start Caddy, with its admin API at unix/${adminSocket}. Ports work without it; names and HTTPS do not.`,
      },
    ];
  }
}

function certificateFinding(shown: Shown, zone: string, certificates: Certificates): Finding {
  const code = 'gateway.certificate';
  if (shown.state === 'none') {
    return {
      level: 'warn',
      code,
      title: `There is no certificate for *.${zone}: ${shown.why}.`,
      remedy:
        'It is fetched with the first machine. Where machines exist, Caddy’s log says what keeps it: journalctl -u dc-agent-caddy',
    };
  }
  // Caddy's own authority signs for half a day at a time.
  const left = shown.validUntil - systemClock.now();
  if (left > RENEWAL_OVERDUE_MS || certificates.kind === 'internal')
    return { level: 'pass', code, title: `The certificate for *.${zone} is served.` };
  return {
    level: 'warn',
    code,
    title: `The certificate for *.${zone} ends in ${Math.max(0, Math.floor(left / 86_400_000))} days and was not renewed.`,
    remedy:
      'Caddy’s log says why: journalctl -u dc-agent-caddy. Another host with the same dc_id replaces this one’s acme-dns account.',
  };
}
