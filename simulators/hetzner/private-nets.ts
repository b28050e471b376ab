import { HetznerRefusal, notFound } from './api.ts';
import type { Cloud } from './cloud.ts';
import type { Server } from './state.ts';

/** The next free address of the network's first subnet. Throws when there is no such network, or no room in it. */
export function freeAddress({ project }: Cloud, id: number): string {
  const network = project.networks.get(id);
  if (!network) throw notFound('network');
  const taken = new Set(
    [...project.servers.values()].flatMap((server) =>
      server.privateNets.filter((net) => net.network === id).map(({ ip }) => ip),
    ),
  );
  const start = network.subnets[0]?.ipRange.replace(/\.\d+\/\d+$/, '');
  for (let host = 2; start !== undefined && host < 255; host++) {
    if (!taken.has(`${start}.${host}`)) return `${start}.${host}`;
  }
  throw new HetznerRefusal('no_subnet_available', 'no subnet or IP available');
}

export function joinNetwork(server: Server, network: number, ip: string): void {
  const host = Number(ip.slice(ip.lastIndexOf('.') + 1));
  server.privateNets.push({ network, ip, mac: `86:00:00:00:00:${host.toString(16).padStart(2, '0')}` });
}
