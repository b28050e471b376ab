import type { ExternalId, Instance, OwnerStamp, PowerState } from '../../src/provisioner/index.ts';
import { readOrdered } from './tags.ts';
import type { Droplet } from './wire.ts';

/** A droplet in the agent's words. */
export function toInstance(droplet: Droplet, stamp: OwnerStamp, user: string): Instance {
  const { ipv4, ipv6 } = addresses(droplet);
  const host = ipv4 ?? ipv6;
  const details = substitution(droplet);
  return {
    externalId: String(droplet.id) as ExternalId,
    stamp,
    power: powerOf(droplet),
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...(ipv6 === undefined ? {} : { ipv6 }),
    ...(host === undefined ? {} : { ssh: { host, port: 22, user } }),
    ...(details === undefined ? {} : { additionalDetails: details }),
  };
}

export function powerOf({ status }: Droplet): PowerState {
  return POWER[status] ?? 'unknown';
}

/** The public ones. They are told some time after the droplet is active. */
export function addresses({ networks }: Droplet): { ipv4?: string; ipv6?: string } {
  const v4 = networks?.v4?.find(({ type }) => type === 'public')?.ip_address;
  const v6 = networks?.v6?.find(({ type }) => type === 'public')?.ip_address;
  return { ...(v4 === undefined ? {} : { ipv4: v4 }), ...(v6 === undefined ? {} : { ipv6: v6 }) };
}

/** For the tenant: what was made in place of what the offering names. */
function substitution({ tags, size_slug, region }: Droplet): string | undefined {
  const ordered = readOrdered(tags);
  if (ordered === undefined) return undefined;
  const made = `${size_slug ?? 'another size'} in ${region?.slug ?? 'another region'}`;
  return `This machine is a ${made}, because ${ordered.size} in ${ordered.region} was out of stock.`;
}

const POWER: Readonly<Partial<Record<string, PowerState>>> = {
  active: 'running',
  off: 'stopped',
  new: 'transition',
};
