import type { GatewayConfig } from '../config/types.ts';
import { createNetdClient } from './netd-client.ts';
import { createApply } from './nft-apply.ts';
import { gatewayFindings } from './nft-findings.ts';
import { proveRoute } from './nft-prove.ts';
import type { Gateway } from './port.ts';

/**
 * The kernel's part of the gateway: ports, isolation and byte counts, by the helper that may change them. Names and certificates
 * are for others, who wrap this.
 */
export function createNftGateway(settings: GatewayConfig): Gateway {
  const helper = createNetdClient(settings.helperSocket);
  return {
    publicIp: settings.publicIp,
    hears: settings.tenantInterfaces.length === 0 ? 'everybody' : 'machines with ports',
    nameOf: () => undefined,

    apply: createApply(helper),

    prove: (route, signal) => proveRoute(helper, settings, route, signal),

    async traffic(signal) {
      return (await helper.ask({ op: 'traffic' }, signal)).traffic;
    },

    check: (signal) => gatewayFindings(settings, helper, signal),

    // Each question has a connection of its own.
    async close() {},
  };
}
