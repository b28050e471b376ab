import { readFile } from 'node:fs/promises';
import type { GatewayConfig } from '../config/types.ts';
import { parseAcmeDns } from './acme-dns-file.ts';
import { withCaddy } from './caddy.ts';
import type { Certificates } from './caddy-config.ts';
import { createNftGateway } from './nft-gateway.ts';
import { type Gateway, GatewayError } from './port.ts';

/**
 * The gateway as configured: the kernel's part, and names by Caddy where they are wanted. Talks to nobody yet. Throws GatewayError when
 * the account for certificates cannot be read.
 */
export async function openGateway(settings: GatewayConfig): Promise<Gateway> {
  const ports = createNftGateway(settings);
  if (settings.web === 'off') return ports;
  return withCaddy(ports, {
    adminSocket: settings.caddyAdminSocket,
    zone: zoneOf(settings),
    certificates: await certificatesOf(settings),
  });
}

/** Machines are `<slug>.` below it. The platform builds the same name. */
export function zoneOf({ dcId, gwPrefix, domain }: GatewayConfig): string {
  return `${dcId}.${gwPrefix}.${domain}`;
}

async function certificatesOf({ certificates, acmeDnsFile }: GatewayConfig): Promise<Certificates> {
  if (certificates === 'internal') return { kind: 'internal' };
  try {
    return { kind: 'acme-dns', account: parseAcmeDns(await readFile(acmeDnsFile, 'utf8'), acmeDnsFile) };
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause;
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'no reason given';
    throw new GatewayError(
      'config',
      `The account for certificates cannot be read (${acmeDnsFile}: ${code}); dc-agent setup gateway writes it`,
      { cause },
    );
  }
}
