import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { type Ipv4Network, isAssignable, parseNetwork } from './ipam-network.ts';
import type { NetworkSettings } from './plan-settings.ts';
import type { Route } from './port.ts';

/**
 * Why a route may not be, by itself; undefined when it may. These are the limits that hold against a daemon gone bad: no port
 * outside the range, nothing that leads anywhere but into the tenants' network.
 */
export function objection(settings: NetworkSettings, { firstPort, portCount, machine }: Route): string | undefined {
  const { portRangeStart, portRangeEnd, portsPerVm, tenantNetwork, tenantNetworkV6 } = settings;
  const last = firstPort + portCount - 1;
  if (firstPort < portRangeStart || last > portRangeEnd) {
    return `the ports ${firstPort} to ${last} are not within ${portRangeStart} to ${portRangeEnd}`;
  }
  // A machine may have kept ports from a time when each got more of them.
  if (portCount > Math.max(portsPerVm, MOST_PORTS)) return `${portCount} ports are too many for one machine`;
  if (!isIPv4(machine.ipv4) || !isAssignable(networkOf(settings), machine.ipv4)) {
    return `${machine.ipv4} is not an address for machines in ${tenantNetwork}`;
  }
  if (machine.ipv6 === undefined) return undefined;
  if (tenantNetworkV6 === undefined) return `it has the address ${machine.ipv6}, and there is no tenant_network_v6`;
  return isWithin(tenantNetworkV6, machine.ipv6) ? undefined : `${machine.ipv6} is not in ${tenantNetworkV6}`;
}

const MOST_PORTS = 1000;

const networks = new WeakMap<NetworkSettings, Ipv4Network>();

/** Asked for each route, and always the same. */
function networkOf(settings: NetworkSettings): Ipv4Network {
  const known = networks.get(settings) ?? parseNetwork(settings.tenantNetwork);
  networks.set(settings, known);
  return known;
}

function isWithin(network: string, address: string): boolean {
  const [base = '', length = ''] = network.split('/');
  const list = new BlockList();
  list.addSubnet(base, Number(length), 'ipv6');
  return isIPv6(address) && list.check(address, 'ipv6');
}
