import type { GatewayConfig } from '../../config/types.ts';
import type { CaddySettings } from '../../gateway/caddy.ts';
import { openGateway } from '../../gateway/open.ts';
import { askAboutAccount } from '../../platform/acme-dns.ts';
import { createHttpTransport } from '../../platform/http-transport.ts';
import { systemClock } from '../../ports/clock.ts';
import type { Finding } from '../../provisioner/contract.ts';
import { registerSecret } from '../../telemetry/secrets.ts';

/** What of this host stands in the way of routes; changes nothing. */
export async function checkGateway(settings: GatewayConfig, signal: AbortSignal): Promise<readonly Finding[]> {
  const gateway = openGateway(settings, { checkAccount });
  try {
    return await gateway.check(signal);
  } finally {
    await gateway.close();
  }
}

const checkAccount: NonNullable<CaddySettings['checkAccount']> = async (account, signal) => {
  registerSecret(account.password);
  const transport = createHttpTransport({ endpoint: account.serverUrl, name: 'acme-dns' });
  try {
    return await askAboutAccount(transport, systemClock, account, signal);
  } finally {
    await transport.close();
  }
};
