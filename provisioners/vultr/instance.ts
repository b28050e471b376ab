import type { ExternalId, Instance, OwnerStamp, PowerState } from '../../src/provisioner/index.ts';
import { orderedOf } from './tags.ts';
import type { VultrInstance } from './wire.ts';

/** An instance in the agent's words. */
export function toInstance(given: VultrInstance, stamp: OwnerStamp, user: string): Instance {
  const { ipv4, ipv6 } = addresses(given);
  const host = ipv4 ?? ipv6;
  const details = substitution(given);
  return {
    externalId: given.id as ExternalId,
    stamp,
    power: powerOf(given),
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...(ipv6 === undefined ? {} : { ipv6 }),
    ...(host === undefined ? {} : { ssh: { host, port: 22, user } }),
    ...(details === undefined ? {} : { additionalDetails: details }),
  };
}

/** An instance is `running` from its order on, long before anything runs: only the other words together tell that it is up. */
export function isReady(given: VultrInstance, wants: 'ipv4' | 'ipv6'): boolean {
  const { status, power_status, server_status } = given;
  const up = status === 'active' && power_status === 'running' && server_status === 'ok';
  return up && addresses(given)[wants] !== undefined;
}

/** Either may be missing: addresses are what comes last, and until then zeros stand in their place. */
export function addresses({ main_ip, v6_main_ip }: VultrInstance): { ipv4?: string; ipv6?: string } {
  const v4 = main_ip === '' || main_ip === '0.0.0.0' ? undefined : (main_ip ?? undefined);
  const v6 = v6_main_ip === '' || v6_main_ip === '::' ? undefined : (v6_main_ip ?? undefined);
  return { ...(v4 === undefined ? {} : { ipv4: v4 }), ...(v6 === undefined ? {} : { ipv6: v6 }) };
}

function powerOf({ status, power_status }: VultrInstance): PowerState {
  if (status === 'pending' || status === 'resizing') return 'transition';
  if (status !== 'active') return 'unknown';
  if (power_status === 'running') return 'running';
  return power_status === 'stopped' ? 'stopped' : 'unknown';
}

/** For the tenant: what was made in place of what the offering names. */
function substitution(given: VultrInstance): string | undefined {
  const [plan, region] = orderedOf(given)?.split('_') ?? [];
  if (plan === undefined || region === undefined) return undefined;
  const made = `${given.plan ?? 'another plan'} in ${given.region ?? 'another region'}`;
  return `This machine is a ${made}, because ${plan} in ${region} was out of stock.`;
}
