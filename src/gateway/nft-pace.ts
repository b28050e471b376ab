import type { Rule } from './nft-chains.ts';
import { DROP, is, type NftExpression, over, payload } from './nft-json.ts';
import type { NotingSet } from './nft-sets.ts';
import type { NetworkSettings } from './plan-settings.ts';

/**
 * How fast a machine may be, in each direction, by each of IPv4 and IPv6: every machine by `bandwidth_mbit`, and one whose allowance is
 * used up by `throttle_mbit`. They stand before the counting, where all traffic of a machine passes once, that of a web server on
 * this host too; what is dropped is not counted.
 */
export function paceRules(
  settings: NetworkSettings,
  chain: 'count' | 'count_host',
  inet: (chain: string, ...expr: NftExpression[]) => Rule,
): Rule[] {
  return limitsOf(settings).flatMap(({ machines, set, address, direction, mbit }) => {
    // What comes in at this host is from machines only.
    if (chain === 'count_host' && direction === 'in') return [];
    return [inet(chain, is(address, `@${machines}`), over(address, set, rate(mbit)), DROP)];
  });
}

/** Where the kernel keeps how much of its limit each machine has used: an element for each that moves something. */
export function paceSets(settings: NetworkSettings): NotingSet[] {
  return limitsOf(settings).map(({ set, type }) => ({ name: set, type: [type], seconds: 60 }));
}

interface Limit {
  readonly mbit: number;
  /** To which machines it applies. */
  readonly machines: string;
  readonly direction: 'in' | 'out';
  readonly address: NftExpression;
  readonly set: string;
  readonly type: 'ipv4_addr' | 'ipv6_addr';
}

function limitsOf({ bandwidthMbit, throttleMbit, tenantNetworkV6 }: NetworkSettings): Limit[] {
  const wanted = [
    { name: 'slow', machines: 'slowed', mbit: throttleMbit },
    { name: 'speed', machines: 'machines', mbit: bandwidthMbit },
  ];
  const families = [
    { protocol: 'ip', suffix: '', type: 'ipv4_addr' },
    ...(tenantNetworkV6 === undefined ? [] : [{ protocol: 'ip6', suffix: '6', type: 'ipv6_addr' } as const]),
  ] as const;
  return wanted.flatMap(({ name, machines, mbit }) =>
    mbit === undefined
      ? []
      : families.flatMap(({ protocol, suffix, type }) =>
          (['out', 'in'] as const).map((direction) => ({
            mbit,
            machines: `${machines}${suffix}`,
            direction,
            address: payload(protocol, direction === 'out' ? 'saddr' : 'daddr'),
            set: `${name}_${direction}${suffix}`,
            type,
          })),
        ),
  );
}

/** A fifth of a second's worth at once beyond the rate: less makes TCP stutter. */
function rate(mbit: number): NftExpression {
  const kbytes = mbit * 125;
  return { rate: kbytes, rate_unit: 'kbytes', per: 'second', burst: Math.ceil(kbytes / 5), burst_unit: 'kbytes' };
}
