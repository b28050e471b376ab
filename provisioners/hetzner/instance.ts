import type { ExternalId, Instance, OwnerStamp, PowerState } from '../../src/provisioner/index.ts';
import { LABEL } from './labels.ts';
import type { Server } from './wire.ts';

/** A server in the agent's words. A machine keeps the id of its first server for life, also over being suspended. */
export function toInstance(server: Server, stamp: OwnerStamp, user: string): Instance {
  const { ipv4, ipv6 } = addresses(server);
  const host = ipv4 ?? ipv6;
  const details = substitution(server);
  return {
    externalId: (server.labels[LABEL.first] ?? String(server.id)) as ExternalId,
    stamp,
    power: POWER[server.status] ?? 'unknown',
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...(ipv6 === undefined ? {} : { ipv6 }),
    ...(host === undefined ? {} : { ssh: { host, port: 22, user } }),
    ...(details === undefined ? {} : { additionalDetails: details }),
  };
}

/** Either may be missing. Of its IPv6 network a server uses the first address. */
export function addresses({ public_net }: Server): { ipv4?: string; ipv6?: string } {
  const v4 = public_net?.ipv4?.ip;
  const network = public_net?.ipv6?.ip.split('/')[0];
  const v6 = network?.endsWith('::') === true ? `${network}1` : network;
  return { ...(v4 === undefined ? {} : { ipv4: v4 }), ...(v6 === undefined ? {} : { ipv6: v6 }) };
}

/** True when Hetzner's abuse team has cut off an address. */
export function isBlocked({ public_net }: Server): boolean {
  return public_net?.ipv4?.blocked === true || public_net?.ipv6?.blocked === true;
}

/** For the tenant: what was made in place of what the offering names. */
function substitution({ labels, server_type, location }: Server): string | undefined {
  const ordered = labels[LABEL.ordered];
  if (ordered === undefined) return undefined;
  const made = `${server_type?.name ?? 'another type'} in ${location?.name ?? 'another location'}`;
  return `This machine is a ${made}, because ${ordered.replace('.', ' in ')} was out of stock.`;
}

const POWER: Readonly<Partial<Record<string, PowerState>>> = {
  running: 'running',
  off: 'stopped',
  initializing: 'transition',
  starting: 'transition',
  stopping: 'transition',
  migrating: 'transition',
  rebuilding: 'transition',
  deleting: 'transition',
};
