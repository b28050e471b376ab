import type { GatewayConfig } from '../config/types.ts';
import type { ContractId } from '../ports/ids.ts';
import { createNetdClient } from './netd-client.ts';
import { routeReader, wireRoute } from './netd-protocol.ts';
import { gatewayFindings } from './nft-findings.ts';
import { proveRoute } from './nft-prove.ts';
import type { Gateway } from './port.ts';

/**
 * The kernel's part of the gateway: ports, isolation and byte counts, by the helper that may change them. Names and certificates
 * are for others, who wrap this.
 */
export function createNftGateway(settings: GatewayConfig): Gateway {
  const helper = createNetdClient(settings.helperSocket);
  const readRoute = routeReader();
  return {
    publicIp: settings.publicIp,
    nameOf: () => undefined,

    async apply(routes, signal) {
      const refused = new Map<ContractId, string>();
      const sound = routes.flatMap((route) => {
        const read = readRoute(wireRoute(route));
        if (!('why' in read)) return [read];
        // The helper would refuse the whole request for it.
        refused.set(route.contract, `it is no route: ${read.why}`);
        return [];
      });
      const answer = await helper.ask({ op: 'apply', routes: sound }, signal);
      for (const { contract, why } of answer.refused) refused.set(contract, why);
      return { repaired: answer.repaired, refused, missing: new Map() };
    },

    prove: (route, signal) => proveRoute(helper, settings, route, signal),

    async traffic(signal) {
      return (await helper.ask({ op: 'traffic' }, signal)).traffic;
    },

    check: (signal) => gatewayFindings(settings, helper, signal),

    // Each question has a connection of its own.
    async close() {},
  };
}
