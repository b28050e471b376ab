import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { type Ipv4Network, isAssignable, parseNetwork } from './ipam-network.ts';
import type { NetworkSettings } from './plan-settings.ts';
import type { Route } from './port.ts';

/**
 * Why a route may not be, by itself; undefined when it may. These are the limits that hold against a daemon gone bad: no port
 * outside the range, nothing that leads anywhere but into the tenants' network.
 */
export function objection(settings: NetworkSettings, route: Route): string | undefined {
  const known = sound.get(settings) ?? new WeakSet();
  sound.set(settings, known);
  if (known.has(route)) return undefined;
  const why = problemOf(settings, route);
  if (why === undefined) known.add(route);
  return why;
}

/** Routes that were looked at before: of thousands few are new. */
const sound = new WeakMap<NetworkSettings, WeakSet<Route>>();

function problemOf(settings: NetworkSettings, { firstPort, portCount, machine }: Route): string | undefined {
  const { portRangeStart, portRangeEnd, portsPerVm, tenantNetwork } = settings;
  const last = firstPort + portCount - 1;
  if (firstPort < portRangeStart || last > portRangeEnd) {
    return `the ports ${firstPort} to ${last} are not within ${portRangeStart} to ${portRangeEnd}`;
  }
  // A machine may have kept ports from a time when each got more of them.
  if (portCount > Math.max(portsPerVm, MOST_PORTS)) return `${portCount} ports are too many for one machine`;
  if (!isIPv4(machine.ipv4) || !isAssignable(networkOf(settings), machine.ipv4)) {
    return `${machine.ipv4} is not an address for machines in ${tenantNetwork}`;
  }
  return undefined;
}

const MOST_PORTS = 1000;

const networks = new WeakMap<NetworkSettings, Ipv4Network>();

/** Asked for each route, and always the same. */
function networkOf(settings: NetworkSettings): Ipv4Network {
  const known = networks.get(settings) ?? parseNetwork(settings.tenantNetwork);
  networks.set(settings, known);
  return known;
}

/**
 * The IPv6 addresses of these routes that may be used, each by one. Backends often know them from the guest alone: what is outside
 * the network, or claimed by two, is nobody's, and takes nothing else away from either.
 */
export function usableIpv6({ tenantNetworkV6 }: NetworkSettings, routes: readonly Route[]): ReadonlySet<string> {
  const usable = new Set<string>();
  if (tenantNetworkV6 === undefined) return usable;
  const [base = '', length = ''] = tenantNetworkV6.split('/');
  const network = new BlockList();
  network.addSubnet(base, Number(length), 'ipv6');
  const claimed = new Set<string>();
  for (const { ipv6 } of routes.map(({ machine }) => machine)) {
    if (ipv6 === undefined || !isIPv6(ipv6) || !network.check(ipv6, 'ipv6')) continue;
    if (claimed.has(ipv6)) usable.delete(ipv6);
    else usable.add(ipv6);
    claimed.add(ipv6);
  }
  return usable;
}
