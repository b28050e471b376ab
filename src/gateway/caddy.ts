import type { AccountAnswer } from '../platform/acme-dns.ts';
import { type CaddyAdmin, caddyAdmin } from './caddy-admin.ts';
import { applySites, httpApp, type StreamsMemory } from './caddy-apply.ts';
import { type AcmeDnsCredentials, type Certificates, endsHere } from './caddy-config.ts';
import { caddyFindings } from './caddy-findings.ts';
import { applyTenants } from './caddy-tenants.ts';
import { certificateFor } from './certificate.ts';
import { type Gateway, GatewayError, type Route } from './port.ts';
import type { TenantNames } from './tenant-names.ts';

export interface CaddySettings {
  readonly adminSocket: string;
  /** `<dc_id>.<gw_prefix>.<domain>`: machines are `<slug>.` below it. */
  readonly zone: string;
  /** The address at which the world comes in. */
  readonly publicIp: string;
  readonly kind: Certificates['kind'];
  /** Throws GatewayError while they cannot be had. */
  readonly certificates: () => Promise<Certificates>;
  /** Absent where tenants may have no names of their own. */
  readonly tenantNames?: TenantNames;
  /** Whether the platform takes an account; changes nothing there. */
  readonly checkAccount?: (account: AcmeDnsCredentials, signal: AbortSignal) => Promise<AccountAnswer>;
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
  const streams: StreamsMemory = { how: 'kept' };
  return {
    ...gateway,
    nameOf: ({ slug }) => `${slug}.${settings.zone}`,

    async apply(routes, signal) {
      const applied = await gateway.apply(routes, signal);
      const open = routes.filter((route) => !applied.refused.has(route.contract));
      try {
        const repaired = await applySites(admin, settings, open, streams, signal);
        const tenants = await applyTenants(admin, settings, streams, open, signal);
        const missing = await withoutCertificate(admin, settings, open.filter(endsHere), signal);
        return {
          ...applied,
          repaired: [...applied.repaired, ...repaired, ...tenants.repaired],
          missing: new Map([...applied.missing, ...tenants.missing, ...missing]),
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
  const shown = await certificateFor({ name: `${first.slug}.${zone}`, host: '127.0.0.1', port }, signal);
  if (shown.state === 'shown') return new Map();
  return new Map(routes.map(({ contract }) => [contract, `HTTPS is not ready: ${shown.why}`]));
}
