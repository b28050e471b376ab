import type { Cloud } from './cloud.ts';
import type { PrimaryIp, Server } from './state.ts';

/** Makes a primary IP. Its address is one that no other has had; loopback addresses are real ones of this host. */
export function newPrimaryIp(
  cloud: Cloud,
  given: Pick<PrimaryIp, 'type' | 'location' | 'labels' | 'autoDelete'> & { readonly name?: string },
): PrimaryIp {
  const id = cloud.nextId('primary_ip');
  const ip: PrimaryIp = {
    id,
    name: given.name ?? `primary_ip-${id}`,
    type: given.type,
    ip: given.type === 'ipv4' ? ipv4(cloud, id) : ipv6(id),
    location: given.location,
    created: cloud.clock.now(),
    labels: given.labels,
    autoDelete: given.autoDelete,
    blocked: false,
    assignee: undefined,
    protection: { delete: false },
    names: new Map(),
  };
  cloud.project.primaryIps.set(id, ip);
  return ip;
}

/** 198.18.0.0/15 is set apart for benchmarks and routed nowhere. */
function ipv4(cloud: Cloud, id: number): string {
  const number = (id % 65_000) + 256;
  const [network] = cloud.options.addresses === 'loopback' ? ['127.77'] : ['198.18'];
  return `${network}.${number >> 8}.${number & 255}`;
}

function ipv6(id: number): string {
  return `2001:db8:${((id >> 16) & 0xffff).toString(16)}:${(id & 0xffff).toString(16)}::/64`;
}

/** What the guest has of its /64: the network itself is no address to connect to. */
export function firstOf(ip: PrimaryIp): string {
  return ip.type === 'ipv4' ? ip.ip : ip.ip.replace('::/64', '::1');
}

export function attach(ip: PrimaryIp, server: Server): void {
  ip.assignee = server.id;
  server[ip.type] = ip.id;
}

export function detach(cloud: Cloud, ip: PrimaryIp): void {
  const server = ip.assignee === undefined ? undefined : cloud.project.servers.get(ip.assignee);
  if (server) server[ip.type] = undefined;
  ip.assignee = undefined;
}

/** The server that this address belongs to, whatever its state. */
export function serverAt(cloud: Cloud, address: string): Server | undefined {
  for (const ip of cloud.project.primaryIps.values()) {
    if (ip.assignee !== undefined && firstOf(ip) === address) return cloud.project.servers.get(ip.assignee);
  }
  return undefined;
}
