import type { GatewayConfig } from '../../config/types.ts';
import { openGateway } from '../../gateway/open.ts';
import { GatewayError } from '../../gateway/port.ts';
import type { Finding } from '../../provisioner/contract.ts';

/** What of this host stands in the way of routes; changes nothing. */
export async function checkGateway(settings: GatewayConfig, signal: AbortSignal): Promise<readonly Finding[]> {
  try {
    const gateway = await openGateway(settings);
    try {
      return await gateway.check(signal);
    } finally {
      await gateway.close();
    }
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return [{ level: 'fail', code: 'gateway.unusable', title: error.message, remedy: 'dc-agent setup gateway' }];
  }
}
