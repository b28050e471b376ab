import type { ContractId } from '../ports/ids.ts';
import type { NetworkSettings } from './plan-settings.ts';
import type { Route } from './port.ts';

/** A gateway as `[gateway]` with nothing but what is required makes it, for tests. */
export const SETTINGS: NetworkSettings = {
  publicIp: '203.0.113.1',
  localIp: '203.0.113.1',
  portRangeStart: 20_000,
  portRangeEnd: 59_999,
  portsPerVm: 10,
  tenantNetwork: '10.77.0.0/16',
  tenantInterfaces: [],
  hostServices: ['udp/67', 'udp/53', 'tcp/53'],
  allowedNetworks: [],
  smtp: 'deny',
  metadata: 'deny',
  nftTable: 'dc_agent',
};

export function contract(n: number): ContractId {
  return n.toString(16).padStart(64, '0') as ContractId;
}

/** The route of the n-th contract: ports from 20000 + 10 n, address 10.77.0.2 + n. */
export function routeOf(n: number, change: Partial<Route> = {}, machine: Partial<Route['machine']> = {}): Route {
  const ipv4 = `10.77.${Math.floor((n + 2) / 256)}.${(n + 2) % 256}`;
  const firstPort = 20_000 + 10 * n;
  return {
    contract: contract(n),
    slug: 'abc123',
    firstPort,
    portCount: 10,
    machine: { ipv4, sshPort: 22, ...machine },
    ...change,
  };
}
