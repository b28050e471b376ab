import { readFile } from 'node:fs/promises';
import type { GatewayConfig } from '../config/types.ts';
import { parseAcmeDns } from './acme-dns-file.ts';
import { type CaddySettings, withCaddy } from './caddy.ts';
import type { Certificates } from './caddy-config.ts';
import { createNftGateway } from './nft-gateway.ts';
import { type Gateway, GatewayError } from './port.ts';
import { createTenantNames, type TenantNameRules } from './tenant-names.ts';

/** The gateway as configured: the kernel's part, and names by Caddy where they are wanted. Talks to nobody yet, and reads no file. */
export function openGateway(settings: GatewayConfig, more: Pick<CaddySettings, 'checkAccount'> = {}): Gateway {
  const ports = createNftGateway(settings);
  if (settings.web === 'off') return ports;
  return withCaddy(ports, {
    ...more,
    adminSocket: settings.caddyAdminSocket,
    zone: zoneOf(settings),
    publicIp: settings.publicIp,
    kind: settings.certificates,
    ...(settings.tenantNames === 'allow' ? { tenantNames: createTenantNames(tenantRules(settings)) } : {}),
    certificates: () => certificatesOf(settings),
  });
}

/** Machines are `<slug>.` below it. The platform builds the same name. */
export function zoneOf({ dcId, gwPrefix, domain }: GatewayConfig): string {
  return `${dcId}.${gwPrefix}.${domain}`;
}

function tenantRules(settings: GatewayConfig): TenantNameRules {
  return { zone: zoneOf(settings), reserved: [settings.domain, ...settings.reservedNames] };
}

/** Read anew each time: the account may come after the agent was started, and costs names only while it is not there. */
async function certificatesOf({ certificates, acmeDnsFile, dcId }: GatewayConfig): Promise<Certificates> {
  if (certificates === 'internal') return { kind: 'internal' };
  const { dcId: registered = dcId, ...account } = parseAcmeDns(await textOf(acmeDnsFile), acmeDnsFile);
  if (registered === dcId) return { kind: 'acme-dns', account };
  throw new GatewayError(
    'config',
    `The account for certificates (${acmeDnsFile}) is for ${registered}, and dc_id is ${dcId}: it proves no name below that; dc-agent setup gateway registers the new one`,
  );
}

async function textOf(acmeDnsFile: string): Promise<string> {
  try {
    return await readFile(acmeDnsFile, 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'no reason given';
    throw new GatewayError(
      'config',
      `The account for certificates cannot be read (${acmeDnsFile}: ${code}); dc-agent setup gateway writes it`,
      { cause },
    );
  }
}
